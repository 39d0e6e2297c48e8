// Times as text; what reads the machine's clocks is tested where it is used.
#include "transport/clock.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("a time is written to the millisecond and read back") {
  CHECK(format_utc(1'767'323'045'678) == "2026-01-02T03:04:05.678Z");
  CHECK(format_utc(-1) == "1969-12-31T23:59:59.999Z");
  for (const std::int64_t ms :
       {std::int64_t{0}, std::int64_t{1'767'323'045'678}, std::int64_t{-1}}) {
    CHECK(parse_rfc3339(format_utc(ms)) == ms);
  }
  CHECK(parse_rfc3339("2026-01-02T03:04:05Z") == 1'767'323'045'000);
  CHECK(parse_rfc3339("2026-01-02T05:04:05.250+02:00") == 1'767'323'045'250);
  CHECK(parse_rfc3339("2026-01-01T22:04:05-05:00") == 1'767'323'045'000);
}

TEST_CASE("what is no time is none") {
  for (const char* text : {"", "yesterday", "2026-13-02T03:04:05Z", "2026-02-30T00:00:00Z",
                           "2026-01-02T24:00:00Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+2:00"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
}
