#include "transport/log.h"

#include <catch2/catch.hpp>

#include "test/support/captured.h"

using namespace godwit;

TEST_CASE("log: text for people, JSON for machines, nothing below the level") {
  log::start(log::Level::info, log::Format::text);
  const std::string text = test::captured([] {
    log::debug("buffer", "hidden");
    log::warning("buffer", "disk is full", {{"path", "/a b"}, {"bytes", 12}});
  });
  CHECK(text.find(" W buffer: disk is full path=\"/a b\" bytes=12\n") != std::string::npos);
  CHECK(text.find("hidden") == std::string::npos);

  log::start(log::Level::info, log::Format::json);
  const std::string json = test::captured([] {
    log::error("mqtt", "100% \"gone\" {}", {{"host", "b"}, {"tries", 3}, {"fatal", false}});
  });
  CHECK(json.starts_with("{\"time\":\"20"));
  CHECK(json.find(R"(Z","level":"error","part":"mqtt","message":"100% \"gone\" {}",)"
                  R"("host":"b","tries":3,"fatal":false})") != std::string::npos);
  log::start(log::Level::info, log::Format::text);
  CHECK_FALSE(log::parse_level("loud").ok());
}
