#include "cloud/database_log.h"

#include <catch2/catch.hpp>

#include "test/support/captured.h"

namespace godwit {
namespace {

std::size_t lines_with(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_CASE("a database that is away for a minute is told once, and so is its return") {
  DatabaseLog database;
  const std::string text = test::captured([&] {
    database.worked(1);
    for (std::int64_t ms = 1000; ms < 60'000; ms += 500) {
      database.failed("Connection refused", ms);
      if (ms % 1000 == 0) database.failed("HTTP status 503", ms);
    }
    database.worked(61'000);
    database.worked(61'500);
  });
  CHECK(lines_with(text, "takes no samples") == 1);
  CHECK(lines_with(text, "Connection refused") == 1);
  CHECK(lines_with(text, "takes samples again after_s=60") == 1);
  CHECK(lines_with(text, "\n") == 2);

  CHECK(lines_with(test::captured([&] { database.failed("again", 62'000); }), "again") == 1);
  CHECK(lines_with(test::captured([&] { database.failed("other", 122'001); }), "other") == 1);
}

TEST_CASE("a database that fails at every other request does not flood the log") {
  DatabaseLog database;
  const std::string text = test::captured([&] {
    for (std::int64_t ms = 1; ms < 50'000; ms += 100) {
      database.failed("HTTP status 500", ms);
      database.worked(ms + 50);
    }
  });
  CHECK(lines_with(text, "\n") == 2);
}

TEST_CASE("a database that refuses samples is told once in a while, with its own words") {
  DatabaseLog database;
  const std::string text = test::captured([&] {
    for (std::int64_t ms = 1; ms < 50'000; ms += 100) database.refused(400, "out of order\n", ms);
  });
  CHECK(lines_with(text, "refused samples; the rest goes on status=400") == 1);
  CHECK(lines_with(text, "\n") == 1);
}

}  // namespace
}  // namespace godwit
