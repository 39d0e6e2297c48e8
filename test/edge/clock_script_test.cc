// Random lives of a node: boots with every kind of wrong clock, links that come and go, relays that
// answer early and late. Each sample's value is the true time at which it was read, so whatever the
// relay stores can be judged.
#include <random>

#include <catch2/catch.hpp>

#include "edge/tick_gatherer.h"
#include "edge/uplink.h"
#include "test/edge/fake_relay.h"
#include "test/fakes/loopback_link.h"

namespace godwit {
namespace {

using test::FakeRelay;
using test::LoopbackBroker;

constexpr std::int64_t y2026 = 1'795'000'000'000;
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t step_ms = 100;
// Steps of up to a second are not followed, and half a round trip of at most 5 s is not known.
constexpr std::int64_t precision_ms = 3500;

struct Life {
  explicit Life(unsigned seed) : random(seed) {
    relay.relay_clock = [this] { return true_ms; };
  }

  std::mt19937 random;
  std::int64_t true_ms = y2026;
  bool linked = true;
  // The node's clocks.
  int boots = 0;
  std::int64_t boot_began_ms = 0;
  std::int64_t wall_error_ms = 0;
  bool synchronised = false;
  std::int64_t frozen_until_ms = 0;
  Clock source = [this] { return TimePoint{true_ms + wall_error_ms, true_ms - boot_began_ms}; };

  Buffer buffer = std::move(*Buffer::open_in_memory({}));
  LoopbackBroker broker;
  FakeRelay relay{broker.make_link({.client_id = "relay"})};
  Inbox<LinkEvent> inbox{100'000};
  std::string boot_id;
  std::unique_ptr<Link> link;
  std::optional<BootClock> clock;
  std::optional<TickGatherer> gatherer;
  std::optional<Uplink> uplink;
  std::uint64_t ticks = 0;

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  [[nodiscard]] std::int64_t boot_ms() const { return true_ms - boot_began_ms; }

  void boot() {
    if (link) link->stop(0);
    uplink.reset();
    (void)inbox.wait(0);
    boot_began_ms = true_ms + between(4000, 100'000);
    true_ms = boot_began_ms + between(1000, 30'000);
    boot_id = "boot-" + std::to_string(++boots);
    misset_clock();
    clock.emplace(boot_id, source, [this] { return synchronised; });
    const auto all_known = buffer.boots();
    for (const auto& known : *all_known) {
      if (!known.offset_ms) continue;
      clock->restore(known.boot_id,
                     {*known.offset_ms, static_cast<BootClock::Quality>(known.quality)});
    }
    gatherer.emplace(boot_id);
    gatherer->move_to(buffer);
    link = broker.make_link({.client_id = "agent"});
    UplinkOptions options;
    options.node = "node-1";
    options.random = [this] { return std::uniform_real_distribution<double>(0, 1)(random); };
    uplink.emplace(*link, *clock, options);
    REQUIRE(uplink->subscribe().ok());
    REQUIRE(link->start([this](LinkEvent&& e) { (void)inbox.push(std::move(e)); }).ok());
  }

  // Not synchronised, and anything: 1970, an old RTC, nearly right, the future.
  void misset_clock() {
    synchronised = false;
    const std::int64_t errors[] = {-true_ms + boot_ms(), -between(0, 50'000) * hour_ms,
                                   between(-3000, 3000), between(0, 50'000) * hour_ms};
    wall_error_ms = errors[between(0, 3)];
  }

  void something_happens() {
    switch (between(0, 6)) {
      case 0:
        return misset_clock();  // an RTC, or a person
      case 1:
      case 2:
        synchronised = true;
        wall_error_ms = between(-400, 400);
        return;
      case 3:
        // A kernel that vouches for nonsense, where a relay can tell.
        if (!clock->settled()) return;
        synchronised = true;
        wall_error_ms = between(2, 90'000) * hour_ms * (chance(50) ? 1 : -1);
        return;
      case 4:
        linked = !linked;
        return linked ? broker.up() : broker.down();
      case 5:
        frozen_until_ms = true_ms + between(1000, 40'000);
        return;
      default:
        true_ms += between(0, 40'000);  // suspend
    }
  }

  void turn() {
    true_ms += step_ms;
    if (true_ms % 1000 < step_ms) {
      const std::vector<Sample> samples = {
          {{"read", {}, Kind::gauge}, static_cast<double>(true_ms)}};
      REQUIRE(gatherer->add(samples, boot_ms(), buffer).ok());
      uplink->set_current_schema(*gatherer->schema());
      ++ticks;
      if (chance(20)) REQUIRE(gatherer->flush(buffer).ok());
    }
    relay.step();
    if (true_ms >= frozen_until_ms) {
      for (const auto& event : inbox.wait(0)) uplink->on_event(event, buffer, boot_ms());
    }
    bool changed = clock->observe(synchronised);
    uplink->step(buffer, boot_ms());
    changed = uplink->take_clock_change() || changed;
    if (changed) {
      const auto offset = clock->offset();
      REQUIRE(buffer.put_boot({boot_id, offset.ms, static_cast<int>(offset.quality)}).ok());
    }
  }

  void run(std::int64_t ms) {
    for (const std::int64_t end = true_ms + ms; true_ms < end;) turn();
  }

  void check() {
    std::uint64_t stored = 0;
    for (const auto& [time, read] : relay.samples["read"]) {
      ++stored;
      if (std::abs(static_cast<double>(time) - read) > static_cast<double>(precision_ms)) {
        FAIL("read at " << static_cast<std::int64_t>(read) << ", stored at " << time);
      }
    }
    const auto lost = buffer.stats().dead_by_reason;
    const auto undatable = lost.find("undatable");
    CHECK(buffer.empty());
    CHECK(stored + (undatable == lost.end() ? 0 : undatable->second) + gatherer->gathered_ticks() ==
          ticks);
  }
};

TEST_CASE("no life of a clock gives a sample a wrong time, and each tick is sent or counted") {
  const unsigned seed = GENERATE(range(1U, 16U));
  INFO("seed " << seed);
  Life life(seed);
  life.boot();
  for (int i = 0; i < 30; ++i) {
    life.run(life.between(500, 30'000));
    if (life.chance(12) && life.clock->state() != "disputed") {
      REQUIRE(life.gatherer->flush(life.buffer).ok());
      life.boot();
    } else {
      life.something_happens();
    }
  }
  life.broker.up();
  life.frozen_until_ms = 0;
  life.synchronised = false;
  REQUIRE(life.gatherer->flush(life.buffer).ok());
  for (int i = 0; i < 60 && !life.buffer.empty(); ++i) life.run(10'000);
  // The ticks of the meantime are in no row yet.
  for (int i = 0; i < 60 && !life.buffer.empty(); ++i) life.run(900);
  life.check();
}

}  // namespace
}  // namespace godwit
