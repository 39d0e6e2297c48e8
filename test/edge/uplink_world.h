// An Uplink in a world of one thread, for its tests: a broker that fails on demand, a relay that
// answers as told, and a clock that only moves when told to.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "edge/tick_gatherer.h"
#include "edge/uplink.h"
#include "test/edge/fake_relay.h"
#include "test/fakes/loopback_link.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit::test {

inline constexpr std::int64_t y2026 = 1'795'000'000'000;

struct World {
  std::int64_t boot_ms = 100'000;
  std::int64_t wall_offset = y2026;
  Clock clock_source = [this] { return TimePoint{wall_offset + boot_ms, boot_ms}; };
  BootClock clock{"boot-now", clock_source};
  Buffer buffer = std::move(*Buffer::open_in_memory({}));
  LoopbackBroker broker;
  std::unique_ptr<Link> link = broker.make_link({.client_id = "agent"});
  Inbox<LinkEvent> inbox{10'000};
  UplinkOptions uplink_options;
  std::optional<Uplink> uplink;
  FakeRelay relay{broker.make_link({.client_id = "relay"})};
  TickGatherer gatherer{"boot-now"};

  explicit World(bool connect = true, const UplinkOptions& changed = options())
      : uplink_options(changed) {
    uplink.emplace(*link, clock, uplink_options);
    gatherer.move_to(buffer);
    if (connect) start();
  }
  void start() {
    REQUIRE(uplink->subscribe().ok());
    REQUIRE(link->start([this](LinkEvent&& e) { (void)inbox.push(std::move(e)); }).ok());
  }
  // As a killed agent that comes back: what was in RAM is gone.
  void restart() {
    link->stop(0);
    uplink.reset();
    inbox.wait(0);
    link = broker.make_link({.client_id = "agent"});
    uplink.emplace(*link, clock, uplink_options);
    start();
  }
  ~World() { link->stop(0); }

  static UplinkOptions options() {
    UplinkOptions options;
    options.node = "node-1";
    options.birth.boot_id = "boot-now";
    options.random = [] { return 0.5; };
    return options;
  }

  // `count` ticks of `width` series, one second apart, ending now.
  void add_row(std::size_t count, std::size_t width = 3) {
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<Sample> samples;
      for (std::size_t s = 0; s < width; ++s) {
        samples.push_back({{"metric", {{"i", std::to_string(s)}}, Kind::gauge}, value_at(s)});
      }
      REQUIRE(gatherer.add(samples, boot_ms, buffer).ok());
      boot_ms += 1000;
    }
    REQUIRE(gatherer.flush(buffer).ok());
    uplink->set_current_schema(*gatherer.schema());
  }
  [[nodiscard]] double value_at(std::size_t series) const {
    return static_cast<double>(boot_ms) * 0.5 + static_cast<double>(series);
  }

  void step() {
    relay.step();
    for (const auto& event : inbox.wait(0)) uplink->on_event(event, buffer, boot_ms);
    uplink->step(buffer, boot_ms);
  }
  void run(std::int64_t ms) {
    for (const std::int64_t end = boot_ms + ms; boot_ms < end; boot_ms += 50) {
      for (int i = 0; i < 4; ++i) step();
    }
  }

  // Every sample of the metric is at its moment, with its value.
  void check_all_right(std::size_t ticks, std::size_t width = 3) {
    CHECK(relay.sample_count() == ticks * width);
    for (std::size_t s = 0; s < width; ++s) {
      const auto& values = relay.samples[concat("metric{i=\"", s, "\"}")];
      CHECK(values.size() == ticks);
      for (const auto& [wall, value] : values) {
        const double expected = static_cast<double>(wall - wall_offset) * 0.5;
        if (value != expected + static_cast<double>(s)) {
          FAIL("series " << s << " at " << wall << ": " << value);
        }
      }
    }
  }
};

}  // namespace godwit::test
