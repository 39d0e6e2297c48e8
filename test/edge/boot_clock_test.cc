#include "edge/boot_clock.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

constexpr std::int64_t y2026 = 1'795'000'000'000;
using Quality = BootClock::Quality;

struct FakeTime {
  std::int64_t boot_ms = 0;
  std::int64_t wall_minus_boot = 0;
  [[nodiscard]] Clock clock() {
    return [this] { return TimePoint{wall_minus_boot + boot_ms, boot_ms}; };
  }
};

TEST_CASE("an undisciplined clock resolves nothing") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK_FALSE(clock.observe(false));
  CHECK_FALSE(clock.wall_ms("boot", 5000));
  CHECK(clock.offset().quality == Quality::unknown);
}

TEST_CASE("boot in 1970, then the clock is set: readings before the step get their right time") {
  FakeTime time{1000, 0};
  BootClock clock("boot", time.clock());
  CHECK_FALSE(clock.observe(false));
  // Even a kernel that vouches for 1970 is not believed.
  CHECK_FALSE(clock.observe(true));
  time = {60'000, y2026};
  CHECK(clock.observe(true));
  CHECK(clock.wall_ms("boot", 1000) == y2026 + 1000);
  CHECK(clock.wall_ms("boot", 60'000) == y2026 + 60'000);
  CHECK_FALSE(clock.observe(true));
}

TEST_CASE("an RTC that rewinds the wall clock after 13 s changes nothing") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK(clock.observe(true));
  time = {13'000, 0};
  CHECK_FALSE(clock.observe(false));
  CHECK_FALSE(clock.observe(true));
  CHECK(clock.wall_ms("boot", 14'000) == y2026 + 14'000);
}

TEST_CASE("a step of a disciplined clock is followed when above one second") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK(clock.observe(true));
  time.wall_minus_boot = y2026 + 900;
  CHECK_FALSE(clock.observe(true));
  CHECK(clock.wall_ms("boot", 0) == y2026);
  time.wall_minus_boot = y2026 - 3'600'000;
  CHECK(clock.observe(true));
  CHECK(clock.wall_ms("boot", 0) == y2026 - 3'600'000);
}

TEST_CASE("without NTP the relay confirms the local clock, or replaces it") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  SECTION("agreement within 2 s: the local clock is used, exact to the millisecond") {
    CHECK(clock.hear_relay(y2026 + 5000 - 700));
    CHECK(clock.wall_ms("boot", 0) == y2026);
    // A rewind later is not followed, and the relay goes on to agree with what is known.
    time.wall_minus_boot = 0;
    time.boot_ms = 20'000;
    CHECK_FALSE(clock.hear_relay(y2026 + 20'000 - 50));
    CHECK(clock.wall_ms("boot", 0) == y2026);
  }
  SECTION("no agreement: the relay's time") {
    time.wall_minus_boot = 0;
    CHECK(clock.hear_relay(y2026 + 5000));
    CHECK(clock.wall_ms("boot", 5000) == y2026 + 5000);
    CHECK(clock.offset().quality == Quality::relay);
    SECTION("then the kernel's word, which the relay no longer changes") {
      time.wall_minus_boot = y2026 + 300;
      CHECK(clock.observe(true));
      CHECK(clock.offset().quality == Quality::synchronised);
      CHECK_FALSE(clock.hear_relay(y2026 + 900'000));
      CHECK(clock.offset().quality == Quality::synchronised);
    }
  }
  CHECK_FALSE(clock.hear_relay(0));
}

TEST_CASE("a late message of the relay does not turn the clock back, a lasting one does") {
  FakeTime time{5000, 0};
  BootClock clock("boot", time.clock());
  CHECK(clock.hear_relay(y2026 + 5000));
  CHECK_FALSE(clock.hear_relay(y2026 + 5000 - 30'000));
  CHECK_FALSE(clock.hear_relay(y2026 + 5000));
  CHECK(clock.wall_ms("boot", 0) == y2026);
  // The first one was late: a higher bound is taken at once.
  CHECK(clock.hear_relay(y2026 + 9000));
  CHECK(clock.wall_ms("boot", 0) == y2026 + 4000);
  for (int i = 0; i < 4; ++i) CHECK_FALSE(clock.hear_relay(y2026 + 5000 - 30'000));
  CHECK(clock.hear_relay(y2026 + 5000 - 30'010));
  CHECK(clock.wall_ms("boot", 0) == y2026 - 30'000);
}

TEST_CASE("earlier boots keep what was known of them") {
  FakeTime time{5000, 0};
  BootClock clock("now", time.clock());
  clock.restore("earlier", {y2026, Quality::synchronised});
  clock.restore("lost", {0, Quality::unknown});
  CHECK(clock.wall_ms("earlier", 7) == y2026 + 7);
  CHECK_FALSE(clock.wall_ms("lost", 7));
  CHECK_FALSE(clock.wall_ms("now", 7));
  clock.restore("now", {y2026, Quality::relay});
  CHECK(clock.wall_ms("now", 7) == y2026 + 7);
}

}  // namespace
}  // namespace godwit
