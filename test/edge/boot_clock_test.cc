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

BootClock::RelayWord at(std::int64_t relay_ms, std::int64_t heard_ms, std::int64_t way_ms = 100) {
  return {relay_ms, heard_ms - way_ms, heard_ms};
}

TEST_CASE("without NTP the relay confirms the local clock, or replaces it") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  SECTION("agreement within 1 s and the round trip: the local clock is used, exact to the ms") {
    CHECK(clock.hear_relay(at(y2026 + 5000 - 700, 5000)));
    CHECK(clock.wall_ms("boot", 0) == y2026);
    CHECK(clock.settled());
    // A rewind later is not followed, and the relay goes on to agree with what is known.
    time.wall_minus_boot = 0;
    time.boot_ms = 20'000;
    CHECK_FALSE(clock.hear_relay(at(y2026 + 20'000 - 50, 20'000)));
    CHECK(clock.wall_ms("boot", 0) == y2026);
    CHECK(clock.facts()->machine_ahead_ms == -y2026);
    CHECK(clock.facts()->steps == 0);
  }
  SECTION("no agreement: the middle of the round trip") {
    time.wall_minus_boot = 0;
    CHECK(clock.hear_relay(at(y2026 + 5000, 5000, 400)));
    CHECK(clock.wall_ms("boot", 5000) == y2026 + 5200);
    CHECK(clock.offset().quality == Quality::relay);
    SECTION("then the kernel's word, which a relay less than an hour off does not change") {
      time.wall_minus_boot = y2026 + 300;
      CHECK(clock.observe(true));
      CHECK(clock.offset().quality == Quality::synchronised);
      CHECK_FALSE(clock.hear_relay(at(y2026 + 900'000, 5000)));
      CHECK(clock.state() == "synchronised");
      CHECK(clock.settled());
    }
  }
}

TEST_CASE("a relay's time counts only with a short round trip, the best of some if none is sure") {
  FakeTime time{100'000, 0};
  BootClock clock("boot", time.clock());
  CHECK_FALSE(clock.hear_relay(at(0, 100'000)));
  CHECK_FALSE(clock.hear_relay(at(1000, 100'000)));
  // Held up by a frozen link; and one from the future.
  CHECK_FALSE(clock.hear_relay(at(y2026 + 40'000, 100'000, 60'000)));
  CHECK_FALSE(clock.hear_relay(at(y2026 + 40'000, 100'000, -1)));
  CHECK_FALSE(clock.wall_now());
  CHECK_FALSE(clock.settled());
  // Each was right at some moment of its round trip, and what is common to all is known well.
  CHECK_FALSE(clock.hear_relay({y2026 + 96'000, 95'900, 100'000}));
  SECTION("at once") { CHECK(clock.hear_relay({y2026 + 103'900, 100'000, 104'000})); }
  SECTION("or after three") {
    CHECK_FALSE(clock.hear_relay({y2026 + 101'500, 101'000, 104'000}));
    CHECK(clock.hear_relay({y2026 + 106'900, 104'000, 108'000}));
  }
  CHECK(std::abs(*clock.wall_ms("boot", 0) - y2026) <= 1300);
}

TEST_CASE("a known time is left only for a relay that insists") {
  FakeTime time{5000, 0};
  BootClock clock("boot", time.clock());
  CHECK(clock.hear_relay(at(y2026 + 5000, 5000, 0)));
  SECTION("two relays that differ: the one that was believed first is kept") {
    for (int i = 1; i < 200; ++i) {
      time.boot_ms += 10'000;
      const std::int64_t wrong_by = i % 4 == 0 ? 0 : 30'000;
      CHECK_FALSE(clock.hear_relay(at(y2026 + time.boot_ms + wrong_by, time.boot_ms, 20)));
    }
    CHECK(clock.wall_ms("boot", 0) == y2026);
  }
  SECTION("no relay agrees any more: followed after 10 minutes") {
    int heard = 0;
    for (bool moved = false; !moved; ++heard) {
      REQUIRE(heard < 70);
      time.boot_ms += 10'000;
      moved = clock.hear_relay(at(y2026 + 30'000 + time.boot_ms, time.boot_ms, 20));
    }
    CHECK(heard >= 60);
    CHECK(std::abs(*clock.wall_ms("boot", 0) - (y2026 + 30'000)) <= 20);
    CHECK(clock.facts()->steps == 1);
  }
}

TEST_CASE("a kernel that vouches for a time an hour off the relay's is not believed") {
  // Years, in the future: "synchronised" by an NTP server that is wrong.
  const std::int64_t wrong = GENERATE(std::int64_t{400'000'000'000}, std::int64_t{-7'300'000});
  FakeTime time{5000, y2026 + wrong};
  BootClock clock("boot", time.clock());
  CHECK(clock.observe(true));
  CHECK_FALSE(clock.settled());  // no relay has been asked yet
  CHECK_FALSE(clock.hear_relay(at(y2026 + 5000, 5000)));
  CHECK(clock.state() == "disputed");
  CHECK_FALSE(clock.settled());
  SECTION("the kernel is put right") {
    time.wall_minus_boot = y2026;
    CHECK(clock.observe(true));
    CHECK_FALSE(clock.settled());
    CHECK_FALSE(clock.hear_relay(at(y2026 + 6000, 6000)));
    CHECK(clock.settled());
    CHECK(clock.wall_ms("boot", 0) == y2026);
  }
  SECTION("the relay insists") {
    CHECK_FALSE(clock.hear_relay(at(y2026 + 6000, 6000)));
    CHECK(clock.hear_relay(at(y2026 + 7000, 7000)));
    CHECK(clock.settled());
    CHECK(std::abs(*clock.wall_ms("boot", 0) - y2026) <= 100);
    time.boot_ms = 8000;
    CHECK_FALSE(clock.observe(true));
    CHECK(clock.offset().quality == Quality::relay);
    // Right at last: the kernel's word is the finer one.
    time.wall_minus_boot = y2026 + 3;
    CHECK(clock.observe(true));
    CHECK(clock.offset().quality == Quality::synchronised);
  }
  SECTION("a second relay sides with the kernel") {
    CHECK_FALSE(clock.hear_relay(at(y2026 + wrong + 6000, 6000)));
    CHECK(clock.settled());
    for (int i = 0; i < 10; ++i) {
      CHECK_FALSE(clock.hear_relay(at(y2026 + 7000 + i, 7000 + i)));
    }
    CHECK(clock.settled());
    CHECK(clock.wall_ms("boot", 0) == y2026 + wrong);
  }
}

TEST_CASE("a relay that does not know the time leaves the kernel's word alone") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK_FALSE(clock.hear_relay(at(0, 5000)));
  CHECK_FALSE(clock.settled());
  CHECK(clock.observe(true));
  CHECK(clock.settled());
  // A jump by years has to be looked at by a relay again.
  time.wall_minus_boot = y2026 + 100'000'000'000;
  CHECK(clock.observe(true));
  CHECK_FALSE(clock.settled());
  CHECK_FALSE(clock.hear_relay(at(0, 6000)));
  CHECK(clock.settled());
}

TEST_CASE("a relay's agreement holds against a later jump of the kernel by more than an hour") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK(clock.observe(true));
  CHECK_FALSE(clock.hear_relay(at(y2026 + 5000, 5000)));
  time.wall_minus_boot = y2026 - 7'200'000;
  CHECK_FALSE(clock.observe(true));
  CHECK(clock.wall_ms("boot", 0) == y2026);
  CHECK(clock.settled());
}

TEST_CASE("an RTC that rewinds the clock between the two questions to the kernel is not believed") {
  FakeTime time{5000, y2026};
  bool synchronised = true;
  BootClock clock("boot", time.clock(), [&] { return synchronised; });
  time.wall_minus_boot = y2026 - 100'000'000'000;
  synchronised = false;
  CHECK_FALSE(clock.observe(true));
  CHECK_FALSE(clock.wall_now());
}

TEST_CASE("suspend: boot time goes on, and so does the resolved time") {
  FakeTime time{5000, y2026};
  BootClock clock("boot", time.clock());
  CHECK(clock.observe(true));
  time.boot_ms += 8LL * 3'600'000;
  CHECK_FALSE(clock.observe(true));
  CHECK(clock.wall_now() == y2026 + time.boot_ms);
  CHECK(clock.facts()->confirmed_before_ms == 0);
}

TEST_CASE("an earlier boot that would end after the present one began was wrong") {
  FakeTime time{1000, y2026};
  BootClock clock("now", time.clock());
  clock.restore("earlier", {y2026 - 60'000, Quality::synchronised});
  CHECK(clock.wall_ms("earlier", 90'000) == y2026 + 30'000);
  CHECK(clock.observe(true));
  CHECK(clock.wall_ms("earlier", 59'000) == y2026 - 1000);
  CHECK_FALSE(clock.wall_ms("earlier", 90'000));
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
