#include "transport/log.h"

#include <cstdio>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "test/support/support.h"

using namespace godwit;

namespace {

// Standard error of `speak`.
template <class Speak>
std::string captured(const Speak& speak) {
  const test::TempDir dir;
  const std::string file = dir.file("err");
  std::fflush(stderr);
  const int saved = dup(2);
  FILE* const out = std::fopen(file.c_str(), "w");
  dup2(fileno(out), 2);
  speak();
  std::fflush(stderr);
  dup2(saved, 2);
  close(saved);
  std::fclose(out);
  return test::read_file(file);
}

}  // namespace

TEST_CASE("log: text for people, JSON for machines, nothing below the level") {
  log::start(log::Level::info, log::Format::text);
  const std::string text = captured([] {
    log::debug("buffer", "hidden");
    log::warning("buffer", "disk is full", {{"path", "/a b"}, {"bytes", 12}});
  });
  CHECK(text.find(" W buffer: disk is full path=\"/a b\" bytes=12\n") != std::string::npos);
  CHECK(text.find("hidden") == std::string::npos);

  log::start(log::Level::info, log::Format::json);
  const std::string json = captured([] {
    log::error("mqtt", "100% \"gone\" {}", {{"host", "b"}, {"tries", 3}, {"fatal", false}});
  });
  CHECK(json.starts_with("{\"time\":\"20"));
  CHECK(json.find(R"(Z","level":"error","part":"mqtt","message":"100% \"gone\" {}",)"
                  R"("host":"b","tries":3,"fatal":false})") != std::string::npos);
  log::start(log::Level::info, log::Format::text);
  CHECK_FALSE(log::parse_level("loud").ok());
}
