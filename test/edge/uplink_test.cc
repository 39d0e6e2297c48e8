#include "edge/uplink.h"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "test/edge/uplink_world.h"

namespace godwit {
namespace {

using test::World;
using test::y2026;

TEST_CASE("a row is delivered, released, and its schema was there first") {
  World world;
  world.clock.observe(true);
  world.add_row(10);
  world.run(200);
  world.check_all_right(10);
  CHECK(world.relay.schema_asks == 0);
  CHECK(world.relay.frames == 1);
  CHECK(world.relay.history_frames == 0);
  CHECK(world.buffer.empty());
  CHECK(world.uplink->stats().acked_ticks == 10);
  REQUIRE_FALSE(world.relay.statuses.empty());
  CHECK(world.relay.statuses.front().online);
  CHECK(world.relay.statuses.front().backlog_ticks == 10);
}

TEST_CASE("a backlog goes in few large frames, marked as history") {
  World world;
  world.clock.observe(true);
  world.broker.down();
  for (int i = 0; i < 60; ++i) world.add_row(10, 150);
  world.run(1000);
  CHECK(world.relay.frames == 0);
  world.broker.up();
  // 60 rows, 600 ticks: within 2 s of the reconnect, far fewer frames than rows.
  world.run(1000);
  CHECK(world.buffer.empty());
  CHECK(world.relay.frames <= 5);
  CHECK(world.relay.history_frames >= 1);
  world.check_all_right(600, 150);
}

TEST_CASE("behind history newer rows join, so that a slow way gets past the bound") {
  UplinkOptions options = World::options();
  options.limits.history_age_ms = 12'000;
  World world(false, options);
  world.clock.observe(true);
  for (int i = 0; i < 16; ++i) world.add_row(1);
  world.start();
  world.run(5000);
  world.check_all_right(16);
  // What is older than half the bound, then the rest.
  CHECK(world.relay.frames == 2);
  CHECK(world.relay.history_frames == 1);
}

TEST_CASE("drops, repeats and reordering lose nothing and store nothing twice") {
  World world;
  world.clock.observe(true);
  world.broker.set_faults({.drop = 0.25, .duplicate = 0.25, .reorder = 0.25});
  for (int i = 0; i < 40; ++i) {
    world.add_row(5);
    world.run(2000);
    if (i % 10 == 3) world.broker.cut("agent");
  }
  world.broker.set_faults({});
  world.broker.pump();
  world.run(200'000);
  CHECK(world.buffer.empty());
  world.check_all_right(200);
  CHECK(world.uplink->stats().resent_frames > 0);
  CHECK(world.relay.out_of_order == 0);
}

TEST_CASE("without an ack the same frame is sent again, later and later, and nothing else") {
  World world;
  world.clock.observe(true);
  world.relay.silent = true;
  world.add_row(5);
  world.add_row(5);
  world.run(900);
  CHECK(world.relay.frames == 1);
  // The first one of a connection is repeated soon: a relay that comes back a moment later than the
  // agent has missed it.
  world.run(4000);
  CHECK(world.relay.frames == 2);
  world.run(600'000);
  CHECK(world.relay.frames > 10);
  CHECK(world.relay.frames < 100);
  CHECK(world.uplink->stats().acked_ticks == 0);
  world.relay.silent = false;
  world.run(120'000);
  CHECK(world.buffer.empty());
  world.check_all_right(10);
}

TEST_CASE("what the relay refuses for good is counted and does not hold up the rest") {
  World world;
  world.clock.observe(true);
  world.relay.answers.push_back({.verdict = Verdict::rejected, .reason = "too_old"});
  world.add_row(5);
  world.run(200);
  world.add_row(7);
  world.run(200);
  CHECK(world.buffer.empty());
  CHECK(world.buffer.stats().dead_by_reason.at("too_old") == 5);
  world.check_all_right(7);
}

TEST_CASE("a row whose schema is gone is counted and does not hold up the rest") {
  World world;
  world.clock.observe(true);
  world.add_row(5);
  Frame stray;
  stray.stream = world.buffer.epoch();
  stray.schema = 4711;
  stray.seqs = {6, 7};
  stray.times_ms = {world.boot_ms, world.boot_ms + 1};
  stray.columns = {{1, 2}};
  StoredFrame row;
  row.first_seq = 6;
  row.last_seq = 7;
  row.boot_id = "boot-now";
  row.first_boot_ms = row.last_boot_ms = world.boot_ms;
  row.schema = stray.schema;
  row.ticks = 2;
  row.bytes = encode_frame(stray);
  SECTION("nothing of it is there") {}
  SECTION("its parent is not there") {
    const std::string child = encode_schema(SchemaId{1}, {{"m", {}, Kind::gauge}});
    stray.schema = row.schema = schema_id_of(child);
    row.bytes = encode_frame(stray);
    REQUIRE(world.buffer.put_schema(row.schema, SchemaId{1}, child).ok());
  }
  SECTION("what is there is damaged") {
    REQUIRE(world.buffer.put_schema(row.schema, std::nullopt, "no schema").ok());
  }
  REQUIRE(world.buffer.append(row).ok());
  world.gatherer.move_to(world.buffer);
  world.boot_ms += 10;
  world.add_row(7);
  world.run(5000);
  CHECK(world.buffer.empty());
  CHECK(world.buffer.stats().dead_by_reason.at("no_schema") == 2);
  CHECK(world.buffer.stats().lost_by_reason().at("no_schema") == 2);
  CHECK(world.relay.schema_asks == 0);
  world.check_all_right(12);
}

TEST_CASE("a relay that lost the schemas asks and gets them") {
  World world;
  world.clock.observe(true);
  world.add_row(5);
  world.run(200);
  world.relay.forget_schemas();
  world.add_row(5);
  world.run(200);
  CHECK(world.relay.schema_asks >= 1);
  CHECK(world.buffer.empty());
  world.check_all_right(10);
}

TEST_CASE("a relay that asks for a schema without end is answered at a bounded pace") {
  World world;
  world.clock.observe(true);
  for (int i = 0; i < 1000; ++i) {
    world.relay.answers.push_back({.verdict = Verdict::need_schema, .schema = SchemaId{1}});
  }
  world.add_row(5);
  world.run(60'000);
  CHECK(world.relay.frames < 30);
  world.relay.answers.clear();
  world.run(120'000);
  world.check_all_right(5);
}

TEST_CASE("retry_after is kept to") {
  World world;
  world.clock.observe(true);
  world.relay.answers.push_back({.verdict = Verdict::retry_after, .retry_after_ms = 30'000});
  world.add_row(5);
  world.run(29'000);
  CHECK(world.relay.frames == 1);
  // Plus what keeps nodes apart.
  world.run(5000);
  CHECK(world.relay.frames == 2);
  CHECK(world.buffer.empty());
}

TEST_CASE("acks for something else change nothing") {
  World world;
  world.clock.observe(true);
  world.relay.silent = true;
  world.add_row(5);
  world.run(100);
  const std::uint64_t stream = world.buffer.epoch();
  world.relay.node = "node-1";
  world.relay.send_ack({.stream = stream, .seq = 4});
  world.relay.send_ack({.stream = stream, .seq = 6});
  world.relay.send_ack({.stream = stream, .seq = 1ULL << 40});
  world.relay.send_ack({.stream = stream + 1, .seq = 5});
  REQUIRE(world.relay.publish_down("no ack at all").ok());
  REQUIRE(world.relay.publish_down("").ok());
  world.run(100);
  CHECK_FALSE(world.buffer.empty());
  CHECK(world.uplink->stats().stale_acks == 4);
  world.relay.send_ack({.stream = stream, .seq = 5});
  world.relay.send_ack({.stream = stream, .seq = 5});
  world.run(100);
  CHECK(world.buffer.empty());
}

TEST_CASE("without a known wall time nothing is sent; the relay's answer to a question helps") {
  World world(false);
  world.wall_offset = 0;  // 1970
  world.relay.mute = true;
  world.relay.publish_state(y2026 - 9'000'000, true);
  world.start();
  world.add_row(5);
  world.run(500);
  // Neither an old state nor one that comes live says how long it was under way.
  world.relay.publish_state(y2026 + world.boot_ms - 9000);
  world.run(5000);
  CHECK(world.relay.frames == 0);
  CHECK_FALSE(world.clock.wall_now());
  world.relay.mute = false;
  world.relay.relay_clock = [&] { return y2026 + world.boot_ms; };
  world.relay.publish_state(y2026 + world.boot_ms);
  world.run(1500);
  CHECK(world.relay.frames == 1);
  CHECK(world.uplink->take_clock_change());
  world.wall_offset = y2026;  // what the readings' times must be by
  const auto& values = world.relay.samples.at("metric{i=\"0\"}");
  CHECK(values.size() == 5);
  // The relay's word came some steps late.
  CHECK(std::abs(values.begin()->first - (y2026 + 100'000)) <= 50);
}

TEST_CASE("rows of earlier boots get their boot's time, or are counted as undatable") {
  World world;
  world.clock.restore("boot-known", {y2026 - 5'000'000, BootClock::Quality::synchronised});
  TickGatherer lost("boot-lost");
  TickGatherer known("boot-known");
  const std::vector<Sample> sample = {{{"metric", {}, Kind::gauge}, 7}};
  lost.move_to(world.buffer);
  REQUIRE(lost.add(sample, 1000, world.buffer).ok());
  REQUIRE(lost.flush(world.buffer).ok());
  known.move_to(world.buffer);
  REQUIRE(known.add(sample, 2000, world.buffer).ok());
  REQUIRE(known.flush(world.buffer).ok());
  world.run(500);
  // The present boot may still tell something: nothing is given up yet.
  CHECK(world.buffer.stats().ticks == 2);
  world.clock.observe(true);
  world.run(500);
  CHECK(world.buffer.empty());
  CHECK(world.buffer.stats().dead_by_reason.at("undatable") == 1);
  const auto& values = world.relay.samples.at("metric");
  REQUIRE(values.size() == 1);
  CHECK(values.begin()->first == y2026 - 5'000'000 + 2000);
  CHECK(world.relay.history_frames == 1);
}

TEST_CASE("a small step back of the clock keeps times in order") {
  World world;
  world.clock.observe(true);
  world.add_row(3);
  world.run(100);
  world.wall_offset -= 1500;
  world.clock.observe(true);
  world.add_row(3);
  world.run(5000);
  CHECK(world.buffer.empty());
  const auto& values = world.relay.samples.at("metric{i=\"0\"}");
  CHECK(values.size() == 6);
  double last = 0;
  for (const auto& [time, value] : values) {
    CHECK(value > last);
    last = value;
  }
}

TEST_CASE("schemas that nothing needs any more are cleared from the broker") {
  World world;
  world.clock.observe(true);
  world.add_row(2, 3);
  world.run(200);
  world.gatherer = TickGatherer("boot-now");
  world.gatherer.move_to(world.buffer);
  world.add_row(2, 1);
  world.run(200);
  CHECK(world.relay.cleared_schemas == 0);
  world.run(130'000);
  CHECK(world.relay.cleared_schemas == 1);
  world.add_row(2, 1);
  world.run(200);
  CHECK(world.buffer.empty());
  CHECK(world.relay.schema_asks == 0);
}

// Ticks that do not compress, as a gatherer stores them: `count` in a row.
void add_wide_row(World& world, std::size_t count, std::size_t width) {
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<Sample> samples;
    for (std::size_t s = 0; s < width; ++s) {
      const double value = std::sin(world.value_at(s));
      samples.push_back({{"metric", {{"i", std::to_string(s)}}, Kind::gauge}, value});
    }
    REQUIRE(world.gatherer.add(samples, world.boot_ms, world.buffer).ok());
    world.boot_ms += 1000;
  }
  REQUIRE(world.gatherer.flush(world.buffer).ok());
  world.uplink->set_current_schema(*world.gatherer.schema());
}

// Sizes of what comes up.
std::vector<std::size_t> frame_sizes(Inbox<LinkEvent>& inbox) {
  std::vector<std::size_t> sizes;
  for (const auto& event : inbox.wait(0)) {
    if (event.type == LinkEvent::Type::message) sizes.push_back(event.message.payload.size());
  }
  return sizes;
}

TEST_CASE("frames fit a narrow way: fewer rows in one, a row in several, a tick given up") {
  constexpr std::size_t most = 12'000;
  UplinkOptions options = World::options();
  options.limits.max_payload_bytes = most;
  World world(true, options);
  Inbox<LinkEvent> seen{10'000};
  const auto spy = world.broker.make_link({.client_id = "spy"});
  REQUIRE(spy->subscribe(topics::up("node-1"), Qos::at_least_once).ok());
  REQUIRE(spy->start([&](LinkEvent&& e) { (void)seen.push(std::move(e)); }).ok());
  world.clock.observe(true);
  world.broker.down();
  for (int i = 0; i < 30; ++i) add_wide_row(world, 2, 100);  // 1.8 KB each
  add_wide_row(world, 10, 1000);                             // 9 KB per tick
  add_wide_row(world, 1, 2000);                              // 18 KB
  add_wide_row(world, 3, 1000);
  world.broker.up();
  world.run(60'000);
  spy->stop(0);

  CHECK(world.buffer.empty());
  const auto sizes = frame_sizes(seen);
  CHECK(std::all_of(sizes.begin(), sizes.end(), [](std::size_t size) { return size <= most; }));
  CHECK(sizes.size() <= 8 + 10 + 3 + 3);  // halves of halves
  const auto stats = world.buffer.stats();
  CHECK(stats.dead_ticks == 1);
  CHECK(stats.dead_by_reason.at("too_large") == 1);
  CHECK(world.relay.lost.at("too_large") == 1);
  CHECK(world.relay.ticks() == 60 + 10 + 3);
  CHECK(world.relay.sample_count() == 60 * 100 + 13 * 1000);
  CHECK(world.relay.repeated_ticks == 0);
  for (const auto& [wall, value] : world.relay.samples.at("metric{i=\"999\"}")) {
    CHECK(value == std::sin(static_cast<double>(wall - world.wall_offset) * 0.5 + 999));
  }
}

TEST_CASE("a row sent in pieces is neither repeated nor lost when answers are") {
  UplinkOptions options = World::options();
  options.limits.max_payload_bytes = 12'000;
  World world(true, options);
  world.clock.observe(true);
  add_wide_row(world, 12, 1000);
  for (int i = 0; i < 6; ++i) {
    world.relay.silent = true;
    world.run(1500);
    world.restart();
    world.relay.silent = false;
    world.run(100);
  }
  world.run(60'000);
  CHECK(world.buffer.empty());
  CHECK(world.relay.ticks() == 12);
  CHECK(world.relay.sample_count() == 12'000);
  CHECK(world.buffer.stats().dead_ticks == 0);
}

// Refuses large messages, as EventBus does.
class NarrowLink final : public Link {
 public:
  NarrowLink(std::unique_ptr<Link> link, std::size_t most) : link_(std::move(link)), most_(most) {}
  Status start(Handler handler) override { return link_->start(std::move(handler)); }
  Status publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) override {
    if (payload.size() > most_) return Error{ErrorCode::invalid, "too large"};
    return link_->publish(topic, payload, qos, retain);
  }
  Status subscribe(std::string_view filter, Qos qos) override {
    return link_->subscribe(filter, qos);
  }
  void stop(std::int64_t drain_ms) override { link_->stop(drain_ms); }
  [[nodiscard]] LinkStats stats() const override { return link_->stats(); }

 private:
  std::unique_ptr<Link> link_;
  std::size_t most_;
};

TEST_CASE("what the link never takes does not block what lies behind it") {
  World world(false);
  world.clock.observe(true);
  world.link = std::make_unique<NarrowLink>(std::move(world.link), 6000);
  world.uplink.emplace(*world.link, world.clock, world.uplink_options);
  world.start();
  add_wide_row(world, 1, 1000);
  world.run(1000);
  add_wide_row(world, 1, 3);
  world.run(1000);
  CHECK(world.buffer.empty());
  CHECK(world.relay.ticks() == 1);
  CHECK(world.buffer.stats().dead_by_reason.at("too_large") == 1);
}

}  // namespace
}  // namespace godwit
