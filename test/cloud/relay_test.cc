#include "cloud/relay.h"

#include <thread>

#include <catch2/catch.hpp>

#include "test/fakes/fake_agent.h"
#include "test/fakes/fake_database.h"
#include "test/fakes/loopback_link.h"
#include "test/support/support.h"
#include "transport/latest.h"
#include "transport/topics.h"

namespace godwit {
namespace {

using test::eventually;
using test::FakeAgent;
using test::FakeDatabase;
using test::LoopbackBroker;

constexpr std::int64_t now_ms = 1'795'000'100'000;
constexpr std::int64_t start_ms = 1'795'000'000'000;

const std::vector<Series> series = {{"a_ratio", {{"core", "0"}}, Kind::gauge},
                                    {"b_total", {}, Kind::counter},
                                    {"c_bytes", {}, Kind::gauge}};

RelaySettings fast_settings() {
  RelaySettings settings;
  settings.name = "relay-1";
  settings.share_group = "relay";
  settings.target = {"godwit", {}};
  settings.retry_for_ms = 0;
  settings.max_wait_ms = 20;
  return settings;
}

// A relay with its owner thread.
class RunningRelay {
 public:
  RunningRelay(std::unique_ptr<Link> link, FakeDatabase& database,
               RelaySettings settings = fast_settings())
      : settings_(std::move(settings)),
        link_(std::move(link)),
        relay_(settings_, *link_, {database.post(), database.post()}, database.get(), cancel_, [] {
          return TimePoint{now_ms, 0};
        }) {
    if (!relay_.start()) throw std::runtime_error("the relay does not start");
    thread_ = std::thread([this] {
      while (!stopping_) relay_.step(20);
    });
  }
  ~RunningRelay() { kill(); }

  // As if it died: nothing more is answered.
  void kill() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    link_->stop(0);
  }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    relay_.stop(10'000);
  }
  [[nodiscard]] std::string metrics() const { return relay_.report().metrics; }
  [[nodiscard]] bool shows(const std::string& line) const {
    return eventually([&] { return metrics().find(line + "\n") != std::string::npos; });
  }

 private:
  RelaySettings settings_;
  std::unique_ptr<Link> link_;
  std::atomic<bool> cancel_ = false;
  Relay relay_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

struct World {
  LoopbackBroker broker;
  FakeDatabase database;
  std::unique_ptr<Link> link(const std::string& id) { return broker.make_link({id}); }
};

TEST_CASE("a frame is written and answered as stored") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  agent.send(agent.frame(1, 10, start_ms));
  const auto ack = agent.wait_ack(1);
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::stored);
  REQUIRE(ack->stream == 7);
  REQUIRE(ack->seq == 10);
  REQUIRE(ack->relay_time_ms == now_ms);
  REQUIRE(ack->dropped_samples == 0);
  const auto samples = w.database.samples("n1", "b_total");
  REQUIRE(samples.size() == 10);
  REQUIRE(samples.at(start_ms + 3000) == std::bit_cast<std::uint64_t>(1003.0));
  REQUIRE(relay.shows("godwit_relay_stored_samples_total 30"));
}

TEST_CASE("an unknown schema is asked for, a frame wider than its schema is rejected") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.send(agent.frame(1, 1, start_ms));
  auto ack = agent.wait_ack(1);
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::need_schema);
  REQUIRE(ack->schema == agent.schema_id());
  agent.publish_schema();
  Frame wide = agent.frame(2, 2, start_ms);
  wide.columns.push_back({1});
  agent.send(wide);
  ack = agent.wait_ack(2);
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::rejected);
  REQUIRE(ack->reason == "wider_than_schema");
  REQUIRE(w.database.requests() == 0);
}

TEST_CASE("a frame that comes again is answered and not written again") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  REQUIRE(agent.deliver(agent.frame(1, 5, start_ms)));
  const std::size_t requests = w.database.requests();
  REQUIRE(agent.deliver(agent.frame(1, 5, start_ms))->verdict == Verdict::stored);
  REQUIRE(w.database.requests() == requests);
  SECTION("of an overlapping one only the rest is written") {
    REQUIRE(agent.deliver(agent.frame(3, 8, start_ms))->dropped_samples == 0);
    REQUIRE(w.database.samples("n1", "a_ratio").size() == 8);
  }
}

TEST_CASE("nothing is answered before the database has answered 2xx") {
  World w;
  std::atomic<bool> open = false;
  w.database.before_answer = [&] { eventually([&] { return open.load(); }); };
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  for (int i = 0; i < 3; ++i) agent.send(agent.frame(1, 2, start_ms));  // it gets impatient
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  REQUIRE(agent.acks().empty());
  agent.send(agent.frame(3, 4, start_ms));  // another one meanwhile has to wait
  auto ack = agent.wait_ack(1);
  REQUIRE(ack);
  REQUIRE((ack->verdict == Verdict::retry_after && ack->seq == 4));
  open = true;
  ack = agent.wait_ack(2);
  REQUIRE(ack);
  REQUIRE((ack->verdict == Verdict::stored && ack->seq == 2));
  REQUIRE(w.database.requests() == 1);
}

TEST_CASE("a database that is away costs time and nothing else") {
  World w;
  w.database.unreachable = true;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  agent.send(agent.frame(1, 5, start_ms));
  const auto ack = agent.wait_ack(1);
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::retry_after);
  REQUIRE(ack->retry_after_ms > 0);
  relay.kill();
  w.database.unreachable = false;
  RunningRelay next(w.link("relay-2"), w.database);
  REQUIRE(agent.deliver(agent.frame(1, 5, start_ms))->verdict == Verdict::stored);
  REQUIRE(w.database.stored() == 15);
}

TEST_CASE("a relay that dies between 2xx and ack loses and doubles nothing") {
  World w;
  auto first = std::make_unique<RunningRelay>(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  w.broker.hold(true);  // acks are accepted by the broker and go nowhere
  agent.send(agent.frame(1, 10, start_ms));
  w.broker.pump();
  REQUIRE(eventually([&] { return w.database.stored() == 30; }));
  first->kill();
  first.reset();
  w.broker.down();
  w.broker.hold(false);
  w.broker.up();
  RunningRelay second(w.link("relay-2"), w.database);
  REQUIRE(agent.acks().empty());
  // The node had more to say meanwhile: one frame, half of it known to the database.
  const auto ack = agent.deliver(agent.frame(1, 15, start_ms));
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::stored);
  REQUIRE(ack->dropped_samples == 0);
  REQUIRE(second.shows("godwit_relay_found_stored_samples_total 30"));
  for (const auto& one : series) REQUIRE(w.database.samples("n1", one.name).size() == 15);
}

TEST_CASE("garbage on every topic is counted and disturbs nobody") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  const std::string garbage[] = {"",
                                 "x",
                                 std::string(100'000, '\xff'),
                                 "\x80",
                                 "{}",
                                 encode_ack({}),
                                 encode_frame(agent.frame(1, 1, start_ms)).substr(1)};
  for (const auto& payload : garbage) {
    for (const std::string topic : {"up", "status", "schema/0123456789abcdef", "schema/zz"}) {
      agent.publish("godwit/v1/n2/" + topic, payload);
      agent.publish("godwit/v1/relay/" + topic, payload);
    }
  }
  REQUIRE(agent.deliver(agent.frame(1, 3, start_ms))->verdict == Verdict::stored);
  REQUIRE(relay.shows("godwit_relay_ignored_messages_total{reason=\"bad_frame\"} 7"));
  REQUIRE(relay.shows("godwit_relay_ignored_messages_total{reason=\"bad_status\"} 6"));
  REQUIRE(relay.shows("godwit_relay_ignored_messages_total{reason=\"bad_schema\"} 6"));
  REQUIRE(w.database.stored() == 9);
}

TEST_CASE("samples from the future and too old ones are left out and counted") {
  World w;
  auto settings = fast_settings();
  settings.guards = {60'000, 3'600'000};
  RunningRelay relay(w.link("relay"), w.database, settings);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  Frame frame = agent.frame(1, 4, now_ms);
  frame.times_ms = {now_ms - 3'700'000, now_ms - 1000, now_ms + 59'000, now_ms + 61'000};
  REQUIRE(agent.deliver(frame)->dropped_samples == 6);
  REQUIRE(w.database.samples("n1", "a_ratio").size() == 2);
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"future\"} 3"));
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"too_old\"} 3"));
  Frame all_gone = agent.frame(5, 6, now_ms + 1'000'000);
  REQUIRE(agent.deliver(all_gone)->dropped_samples == 6);
}

// As Prometheus tells of itself.
void tell_window(FakeDatabase& database, const std::string& window) {
  database.pages["/api/v1/status/buildinfo"] = {200, R"({"data":{"version":"2.42.0"}})"};
  database.pages["/api/v1/status/config"] = {
      200, R"({"data":{"yaml":"storage:\n  tsdb:\n    out_of_order_time_window: )" + window +
               R"(\n"}})"};
}

TEST_CASE("nodes are told whether the database takes samples out of order, and how old") {
  World w;
  tell_window(w.database, "1h30m");
  RunningRelay relay(w.link("relay"), w.database);
  REQUIRE(relay.shows("godwit_relay_out_of_order_ok 1"));
  REQUIRE(relay.shows("godwit_relay_out_of_order_window_seconds 5400"));
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  const auto ack = agent.deliver(agent.frame(1, 2, start_ms));
  REQUIRE((ack && ack->out_of_order_ok && ack->out_of_order_window_ms == 5'400'000));
}

TEST_CASE("samples older than their series' last are left out before a database without a window") {
  World w;
  tell_window(w.database, "0s");
  RunningRelay relay(w.link("relay"), w.database);
  REQUIRE(relay.shows("godwit_relay_out_of_order_ok 0"));
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  REQUIRE(agent.deliver(agent.frame(1, 10, start_ms))->dropped_samples == 0);
  // The node's clock stepped back: the times of ticks 6 to 11 again. That of tick 10, with another
  // value, is the database's to refuse.
  Frame late = agent.frame(11, 16, start_ms);
  for (auto& time : late.times_ms) time -= 5000;
  REQUIRE(agent.deliver(late)->dropped_samples == 15);
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"out_of_order\"} 12"));
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"duplicate\"} 3"));
  REQUIRE(w.database.stored() == 33);
}

TEST_CASE("a series that a schema has twice is written once") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  auto twice = series;
  twice.push_back(series[0]);
  FakeAgent agent(w.link("n1"), "n1", twice);
  agent.publish_schema();
  REQUIRE(agent.deliver(agent.frame(1, 4, start_ms))->dropped_samples == 4);
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"same_series\"} 4"));
  REQUIRE(w.database.stored() == 12);
}

TEST_CASE("a database that failed has to tell anew what it takes") {
  World w;
  tell_window(w.database, "10m");
  RunningRelay relay(w.link("relay"), w.database);
  REQUIRE(relay.shows("godwit_relay_out_of_order_ok 1"));
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  w.database.with_lock([&] {
    w.database.script = {{503, "starting"}};
    w.database.pages.clear();
  });
  agent.send(agent.frame(1, 2, start_ms));
  const auto late = agent.wait_ack(1);
  REQUIRE((late && late->verdict == Verdict::retry_after && !late->out_of_order_ok));
  REQUIRE(relay.shows("godwit_relay_out_of_order_ok 0"));
  w.database.with_lock([&] {
    w.database.script = {{503, "starting"}};
    tell_window(w.database, "0s");
  });
  const auto ack = agent.deliver(agent.frame(1, 2, start_ms));
  REQUIRE((ack && ack->verdict == Verdict::stored && !ack->out_of_order_ok));
}

TEST_CASE("what VictoriaMetrics would throw away behind its retention is left out and counted") {
  World w;
  w.database.pages["/flags"] = {200, "-retentionPeriod=\"1d\"\n", "", "vm-1"};
  RunningRelay relay(w.link("relay"), w.database);
  REQUIRE(relay.shows("godwit_relay_out_of_order_window_seconds 86400"));
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  Frame frame = agent.frame(1, 2, now_ms);
  frame.times_ms = {now_ms - 86'401'000, now_ms - 86'399'000};
  REQUIRE(agent.deliver(frame)->dropped_samples == 3);
  REQUIRE(relay.shows("godwit_relay_dropped_samples_total{reason=\"too_old\"} 3"));
  REQUIRE(w.database.stored() == 3);
}

TEST_CASE("a node whose samples meet 500 for ever neither blocks others nor blocks itself") {
  World w;
  w.database.judge = [](const test::DecodedSeries& one, std::int64_t time) {
    return one.label("instance") == "bad" && time < start_ms + 3000 ? 500 : 0;
  };
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent bad(w.link("bad"), "bad", series);
  FakeAgent good(w.link("good"), "good", series);
  bad.publish_schema();
  good.publish_schema();
  std::optional<Ack> ack;
  std::thread stubborn(
      [&] { ack = bad.deliver(bad.frame(1, 5, start_ms), std::chrono::milliseconds(100)); });
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto answer = good.deliver(good.frame(2 * i + 1, 2 * i + 2, start_ms));
    CHECK((answer && answer->verdict == Verdict::stored && answer->dropped_samples == 0));
  }
  stubborn.join();
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::stored);
  REQUIRE(ack->dropped_samples == 6);
  REQUIRE(w.database.samples("bad", "a_ratio").size() == 3);
  REQUIRE(w.database.samples("good", "a_ratio").size() == 40);
}

TEST_CASE("a full queue puts nodes off") {
  World w;
  std::atomic<bool> open = false;
  w.database.before_answer = [&] { eventually([&] { return open.load(); }); };
  auto settings = fast_settings();
  settings.max_queue_bytes = 1;
  RunningRelay relay(w.link("relay"), w.database, settings);
  FakeAgent one(w.link("n1"), "n1", series);
  FakeAgent two(w.link("n2"), "n2", series);
  one.publish_schema();
  two.publish_schema();
  one.send(one.frame(1, 2, start_ms));
  REQUIRE(relay.shows("godwit_relay_queue_frames 1"));
  two.send(two.frame(1, 2, start_ms));
  const auto ack = two.wait_ack(1);
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::retry_after);
  open = true;
  REQUIRE(one.wait_ack(1)->verdict == Verdict::stored);
  REQUIRE(two.deliver(two.frame(1, 2, start_ms))->verdict == Verdict::stored);
}

TEST_CASE("many nodes through a link that drops, doubles and reorders: all of it, once, in order") {
  World w;
  w.broker.set_faults({0.1, 0.2, 0.2});
  RunningRelay relay(w.link("relay"), w.database);
  RunningRelay other(w.link("relay-2"), w.database);
  std::vector<std::thread> threads;
  std::atomic<int> stored = 0;
  for (int n = 0; n < 5; ++n) {
    threads.emplace_back([&, n] {
      const std::string node = "n" + std::to_string(n);
      FakeAgent agent(w.link(node), node, series);
      for (std::uint64_t i = 0; i < 10; ++i) {
        const auto ack = agent.deliver(agent.frame(3 * i + 1, 3 * i + 3, start_ms),
                                       std::chrono::milliseconds(200));
        if (ack && ack->verdict == Verdict::stored) ++stored;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(stored == 50);
  for (int n = 0; n < 5; ++n) {
    for (const auto& one : series) {
      REQUIRE(w.database.samples("n" + std::to_string(n), one.name).size() == 30);
    }
  }
}

TEST_CASE("the relay says that it is there, and who of the fleet is") {
  World w;
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  std::mutex mutex;
  std::optional<RelayState> state;
  int states = 0;
  const auto watcher = w.link("watcher");
  REQUIRE(watcher->subscribe(topics::relay, Qos::at_least_once));
  REQUIRE(watcher->start([&](LinkEvent&& event) {
    if (event.type != LinkEvent::Type::message) return;
    const auto decoded = decode_relay_state(event.message.payload);
    const std::lock_guard lock(mutex);
    if (decoded) state = *decoded;
    states += decoded.ok() ? 1 : 0;
  }));
  REQUIRE(eventually([&] {
    const std::lock_guard lock(mutex);
    return state && state->relay == "relay-1" && state->wall_ms == now_ms;
  }));
  NodeStatus birth{true, "boot", 42, now_ms, "0.1.0", 17};
  agent.publish(topics::status("n1"), encode_status(birth), true);
  REQUIRE(relay.shows("godwit_node_online{node=\"n1\"} 1"));
  // The newcomer is told the time at once, not at the next turn ten seconds later.
  REQUIRE(eventually(
      [&] {
        const std::lock_guard lock(mutex);
        return states >= 2;
      },
      std::chrono::seconds(5)));
  REQUIRE(relay.shows("godwit_node_backlog_ticks{node=\"n1\"} 17"));
  NodeStatus late_death{false, "boot", 41, 0, "", 0};
  agent.publish(topics::status("n1"), encode_status(late_death), true);
  NodeStatus death{false, "boot", 42, 0, "", 0};
  REQUIRE(relay.shows("godwit_relay_received_messages_total{kind=\"status\"} 2"));
  REQUIRE(relay.shows("godwit_node_online{node=\"n1\"} 1"));
  agent.publish(topics::status("n1"), encode_status(death), true);
  REQUIRE(relay.shows("godwit_node_online{node=\"n1\"} 0"));
  watcher->stop(0);
}

TEST_CASE("a relay that is told to stop answers what it has taken") {
  World w;
  w.database.before_answer = [] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); };
  RunningRelay relay(w.link("relay"), w.database);
  FakeAgent agent(w.link("n1"), "n1", series);
  agent.publish_schema();
  agent.send(agent.frame(1, 2, start_ms));
  REQUIRE(eventually([&] { return relay.metrics().find("kind=\"frame\"") != std::string::npos; }));
  relay.stop();
  REQUIRE(agent.wait_ack(1)->verdict == Verdict::stored);
}

}  // namespace
}  // namespace godwit
