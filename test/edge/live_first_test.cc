// Live-first, caps and pacing of an Uplink.
#include <random>

#include "test/edge/uplink_world.h"
#include "test/support/captured.h"

namespace godwit {
namespace {

using test::World;
using test::y2026;

// Half an hour of backlog at 10 ticks a row, of 150 series: some tens of frames.
void make_backlog(World& world, int rows = 180) {
  world.broker.down();
  for (int i = 0; i < rows; ++i) world.add_row(10, 150);
  world.broker.up();
}

// What a relay says in its state and from now on in its acks.
void say_out_of_order(World& world, bool ok) {
  world.relay.out_of_order_ok = ok;
  world.relay.publish_state(y2026 + world.boot_ms);
  world.run(100);
}

std::uint64_t newest_seq(const World& world) {
  std::uint64_t newest = 0;
  for (const auto& [stream, seqs] : world.relay.seqs) {
    if (!seqs.empty()) newest = std::max(newest, *seqs.rbegin());
  }
  return newest;
}

TEST_CASE("fresh readings overtake a backlog when the database takes them, else never") {
  World world;
  world.clock.observe(true);
  world.add_row(1);
  const bool ok = GENERATE(true, false);
  say_out_of_order(world, ok);
  make_backlog(world);
  const std::uint64_t last = world.buffer.last_seq();
  for (int i = 0; i < 3; ++i) world.step();
  CHECK((newest_seq(world) == last) == ok);
  world.run(20'000);
  CHECK(world.buffer.empty());
  world.run(61'000);
  CHECK(world.buffer.empty());
  CHECK((world.relay.late_ticks > 0) == ok);
  CHECK((world.uplink->stats().overtaking_frames > 0) == ok);
  CHECK(world.relay.repeated_ticks == 0);
  world.relay.samples.erase("metric{i=\"0\"}");
  CHECK(world.relay.ticks() == 1801);
  CHECK(world.relay.sample_count() == 149 * 1800 + 2);
}

TEST_CASE("a backlog older than the database's window goes in order until it is young enough") {
  World world;
  world.clock.observe(true);
  world.add_row(1);
  const std::int64_t window_ms = GENERATE(600'000, 86'400'000);
  world.relay.out_of_order_window_ms = window_ms;
  say_out_of_order(world, true);
  make_backlog(world);
  const std::uint64_t last = world.buffer.last_seq();
  for (int i = 0; i < 3; ++i) world.step();
  CHECK((newest_seq(world) == last) == (window_ms > 1'800'000));
  world.run(20'000);
  CHECK(world.buffer.empty());
}

TEST_CASE("one relay that wants order is enough to keep it, for a minute") {
  World world;
  world.clock.observe(true);
  world.add_row(1);
  world.run(100);
  world.relay.silent = true;
  make_backlog(world, 60);
  world.run(100);
  say_out_of_order(world, true);
  say_out_of_order(world, false);
  say_out_of_order(world, true);
  world.relay.silent = false;
  world.run(20'000);
  CHECK(world.buffer.empty());
  CHECK(world.relay.late_ticks == 0);
  world.run(60'000);
  make_backlog(world, 60);
  world.run(20'000);
  CHECK(world.relay.late_ticks > 0);
  CHECK(world.buffer.empty());
}

TEST_CASE("times stay right where fresh readings and backlog meet") {
  World world;
  world.clock.observe(true);
  world.add_row(1);
  say_out_of_order(world, true);
  make_backlog(world, 20);
  world.run(2000);
  for (int i = 0; i < 5; ++i) {
    world.add_row(10, 150);
    world.run(500);
  }
  world.run(70'000);
  CHECK(world.buffer.empty());
  const auto& values = world.relay.samples.at("metric{i=\"7\"}");
  CHECK(values.size() == 250);
  std::size_t wrong = 0;
  for (const auto& [wall, value] : values) {
    if (value != static_cast<double>(wall - y2026) * 0.5 + 7) ++wrong;
  }
  CHECK(wrong == 0);
}

// Random losses, repeats, reordering, breaks and restarts: everything arrives, nothing is released
// before the relay has it, and the order holds where it must.
void check_random_world(std::uint32_t seed, bool out_of_order_ok) {
  World world;
  std::minstd_rand random(seed);
  const auto draw = [&random](unsigned below) { return static_cast<unsigned>(random() % below); };
  world.clock.observe(true);
  world.relay.out_of_order_ok = out_of_order_ok;
  world.add_row(1);
  say_out_of_order(world, out_of_order_ok);
  std::size_t released_early = 0;
  const auto check_released = [&] {
    const auto oldest = world.buffer.oldest();
    REQUIRE(oldest.ok());
    const auto& stored = world.relay.seqs[world.buffer.epoch()];
    const std::uint64_t until = *oldest ? (*oldest)->first_seq - 1 : world.buffer.last_seq();
    for (std::uint64_t seq = until > 40 ? until - 40 : 1; seq <= until; ++seq) {
      if (!stored.contains(seq)) ++released_early;
    }
  };
  for (int round = 0; round < 60; ++round) {
    const double loss = draw(3) * 0.15;
    world.broker.set_faults({.drop = loss, .duplicate = loss, .reorder = loss});
    const std::size_t ticks = 1 + draw(10);
    if (draw(8) == 0) {
      world.broker.down();
      for (unsigned i = draw(40); i > 0; --i) world.add_row(ticks);
      world.broker.up();
    }
    world.add_row(ticks);
    if (draw(10) == 0) world.broker.cut("agent");
    if (draw(12) == 0) world.relay.silent = !world.relay.silent;
    world.run(draw(3000));
    check_released();
    if (draw(10) == 0) world.restart();
  }
  world.relay.silent = false;
  world.broker.set_faults({});
  world.broker.pump();
  world.run(300'000);
  check_released();
  CHECK(released_early == 0);
  CHECK(world.buffer.empty());
  CHECK(world.relay.ticks() == world.buffer.last_seq());
  if (!out_of_order_ok) CHECK(world.relay.late_ticks == 0);
  for (const auto& [wall, value] : world.relay.samples.at("metric{i=\"1\"}")) {
    if (value != static_cast<double>(wall - y2026) * 0.5 + 1) FAIL("wrong value at " << wall);
  }
}

TEST_CASE("whatever the link does, everything arrives, and in order where order is wanted") {
  const std::uint32_t seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
  INFO("seed " << seed);
  check_random_world(seed, seed % 2 == 0);
}

TEST_CASE("a slow link gets no repeats of what it has not carried yet") {
  World world;
  world.clock.observe(true);
  world.add_row(10);
  world.run(500);
  world.broker.freeze();
  world.add_row(10);
  const auto sent = world.uplink->stats().sent_frames;
  world.run(120'000);
  CHECK(world.uplink->stats().sent_frames == sent + 1);
  world.broker.thaw();
  world.run(1000);
  CHECK(world.buffer.empty());
  CHECK(world.uplink->stats().resent_frames == 0);
}

TEST_CASE("a busy relay may ask for a pause between frames") {
  World world;
  world.clock.observe(true);
  world.relay.answers.push_back({.verdict = Verdict::stored, .retry_after_ms = 5000});
  world.add_row(1);
  world.run(100);
  world.add_row(1);
  world.run(3500);
  CHECK(world.relay.frames == 1);
  world.run(1000);
  CHECK(world.relay.frames == 2);
}

TEST_CASE("a rate is kept to on average") {
  UplinkOptions options = World::options();
  options.link.max_rate = 2000;
  World world(true, options);
  world.clock.observe(true);
  make_backlog(world, 60);
  const auto bytes = [&] {
    const LinkStats stats = world.link->stats();
    return stats.sent_wire_bytes + stats.received_wire_bytes;
  };
  world.run(5000);
  const auto begin = bytes();
  world.run(10'000);
  CHECK(bytes() - begin < 10 * 2000 + 8000);
  world.run(300'000);
  CHECK(world.buffer.empty());
}

// Every 10 s a row of 10 ticks; returns the bytes that went over the link.
std::uint64_t live_for(World& world, int rows) {
  const auto bytes = [&] {
    const LinkStats stats = world.link->stats();
    return stats.sent_wire_bytes + stats.received_wire_bytes;
  };
  const auto begin = bytes();
  for (int i = 0; i < rows; ++i) {
    world.add_row(10, 20);
    world.run(200);
  }
  return bytes() - begin;
}

TEST_CASE("over a cap readings wait, in order, until the cap renews; presence goes on") {
  UplinkOptions options = World::options();
  options.link.max_bytes_per_day = 20'000;
  World world(true, options);
  world.clock.observe(true);
  CHECK(live_for(world, 300) < 20'000);
  CHECK(world.uplink->budget().state() == LinkBudget::State::held);
  CHECK(world.buffer.stats().rows > 100);
  CHECK(world.relay.statuses.back().link == "held");
  const std::size_t before = world.relay.ticks();
  CHECK(live_for(world, 50) < 1000);
  CHECK(world.relay.ticks() == before);
  CHECK(world.buffer.stats().lost.empty());
  // Tomorrow.
  world.boot_ms = day_of(y2026 + world.boot_ms).end_ms - y2026 + 1;
  world.run(5000);
  CHECK(world.uplink->budget().state() == LinkBudget::State::open);
  CHECK(world.relay.statuses.back().link.empty());
  CHECK(world.relay.ticks() > before + 500);
  CHECK(world.relay.late_ticks == 0);
}

TEST_CASE("a cap that will not last thins fresh readings; the rest waits, and comes later") {
  UplinkOptions options = World::options();
  // A tenth of what all of it needs.
  options.link.max_bytes_per_day = 1'200'000;
  World world(true, options);
  world.clock.observe(true);
  world.add_row(1);
  say_out_of_order(world, true);
  live_for(world, 20);
  CHECK(world.uplink->budget().state() == LinkBudget::State::thinned);
  CHECK(world.relay.statuses.back().link == "thinned");
  const std::size_t ticks = world.relay.ticks();
  const std::uint64_t bytes = live_for(world, 360);  // an hour
  CHECK(bytes < 1'200'000 / 24 * 5 / 4);
  CHECK(world.relay.ticks() > ticks + 100);
  CHECK(newest_seq(world) + 200 > world.buffer.last_seq());
  CHECK(world.buffer.stats().lost.empty());
  // With a cap no longer in the way all of it comes.
  world.uplink_options.link.max_bytes_per_day = 0;
  world.restart();
  world.run(70'000);
  CHECK(world.buffer.empty());
  CHECK(world.relay.ticks() == world.buffer.last_seq());
}

TEST_CASE("in order, thinning gives readings up, counted, where it is chosen") {
  UplinkOptions options = World::options();
  options.link.max_bytes_per_day = 1'200'000;
  options.link.thin_over_cap = true;
  World world(true, options);
  world.clock.observe(true);
  live_for(world, 380);
  CHECK(world.uplink->budget().state() == LinkBudget::State::thinned);
  CHECK(world.relay.late_ticks == 0);
  CHECK(newest_seq(world) + 400 > world.buffer.last_seq());
  const std::uint64_t capped = world.buffer.stats().lost.at("capped").ticks;
  CHECK(capped > 1000);
  CHECK(world.relay.ticks() + capped + world.buffer.stats().ticks == world.buffer.last_seq());
}

TEST_CASE("the silence of a relay is told, once, and its end too") {
  World world;
  world.clock.observe(true);
  world.relay.silent = true;
  world.add_row(1);
  const auto said_while = [&](std::int64_t ms) { return test::captured([&] { world.run(ms); }); };
  CHECK(said_while(25'000).find("no relay answers") == std::string::npos);
  const std::string said = said_while(300'000);
  CHECK(said.find("no relay answers") != std::string::npos);
  CHECK(said.find("no relay answers") == said.rfind("no relay answers"));
  CHECK(said.find("a relay answers again") == std::string::npos);
  world.relay.silent = false;
  CHECK(said_while(120'000).find("a relay answers again") != std::string::npos);
}

}  // namespace
}  // namespace godwit
