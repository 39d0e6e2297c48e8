#include "edge/agent.h"

#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "test/edge/fake_relay.h"
#include "test/fakes/loopback_link.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using test::eventually;
using test::FakeRelay;
using test::LoopbackBroker;
using test::TempDir;

// Counts its runs; can fail, be absent, or hang for a while.
struct Source {
  std::atomic<int> runs = 0;
  std::atomic<int> at_once = 0;
  std::atomic<bool> overlapped = false;
  std::atomic<int> sleep_ms = 0;
  std::atomic<int> failure = -1;  // ErrorCode
  int noise = 0;                  // so many series that do not compress
};

class TestCollector : public Collector {
 public:
  TestCollector(std::string name, Source& source) : name_(std::move(name)), source_(source) {}
  Status collect(Batch& out) override {
    if (++source_.at_once > 1) source_.overlapped = true;
    std::this_thread::sleep_for(milliseconds(source_.sleep_ms));
    out.add("node_load1", {{"from", name_}}, ++source_.runs);
    for (int i = 0; i < source_.noise; ++i) {
      out.add("node_load5", {{"n", std::to_string(i)}}, std::sqrt(1 + i + source_.runs));
    }
    --source_.at_once;
    if (source_.failure >= 0) {
      out.clear();
      return Error{static_cast<ErrorCode>(source_.failure.load()), "told to fail"};
    }
    return {};
  }

 private:
  std::string name_;
  Source& source_;
};

CollectorSpec spec_of(std::string_view name, bool quick, Source& source) {
  CollectorSpec spec;
  spec.name = name;
  spec.source = "a test";
  spec.quick = quick;
  spec.defaults.interval = milliseconds(100);
  spec.defaults.deadline = milliseconds(200);
  spec.make = [name, &source](const Host&, const CollectorSettings&) {
    return std::make_unique<TestCollector>(std::string(name), source);
  };
  return spec;
}

struct Node {
  TempDir dir;
  LoopbackBroker broker;
  Source quick, slow;
  CollectorSpec quick_spec = spec_of("quick", true, quick);
  CollectorSpec slow_spec = spec_of("slow", false, slow);
  std::unique_ptr<FakeRelay> relay;
  std::unique_ptr<Agent> agent;
  std::thread thread;
  bool publish_latest = false;
  std::uint64_t max_bytes = BufferLimits{}.max_bytes;
  std::string listen;
  std::int64_t boot_began_ms = 0;  // in the machine's boot time

  void start(const std::string& boot_id = "boot") {
    AgentSettings settings;
    settings.node = "node-1";
    settings.interval_ms = 100;
    settings.flush_interval_ms = 300;
    settings.buffer_path = dir.file("buffer.db");
    settings.buffer.max_bytes = max_bytes;
    settings.max_age_ms = 86'400'000;
    settings.truth_log = dir.file("truth");
    settings.publish_latest = publish_latest;
    settings.http_listen = listen;
    settings.collectors = {{&quick_spec, quick_spec.defaults}, {&slow_spec, slow_spec.defaults}};
    AgentParts parts;
    parts.clock = [machine = system_clock(), began_ms = boot_began_ms] {
      TimePoint now = machine();
      now.boot_ms -= began_ms;
      return now;
    };
    parts.clock_synchronised = [] { return true; };
    parts.link = broker.make_link({.client_id = "agent"});
    parts.boot_id = boot_id;
    agent = std::make_unique<Agent>(std::move(settings), std::move(parts));
    thread = std::thread([this] { REQUIRE(agent->run().ok()); });
  }
  void connect_relay() {
    relay = std::make_unique<FakeRelay>(broker.make_link({.client_id = "relay"}));
  }
  bool relay_sees(const std::function<bool()>& condition) {
    return eventually([&] {
      relay->step(10);
      return condition();
    });
  }
  void stop() {
    // The relay goes on answering while the agent says goodbye.
    agent->stop();
    std::atomic<bool> done = false;
    std::thread joiner([&] {
      thread.join();
      done = true;
    });
    while (!done) {
      if (relay) {
        relay->step(10);
      } else {
        std::this_thread::sleep_for(milliseconds(10));
      }
    }
    joiner.join();
    if (relay) relay->step(10);
    agent.reset();
  }
  ~Node() {
    if (thread.joinable()) stop();
  }
  [[nodiscard]] std::size_t truth_ticks() const {
    std::size_t count = 0;
    const std::string truth = test::read_file(dir.file("truth"));
    for (const auto line : split_lines(truth)) count += line.starts_with("{\"seq\":") ? 1 : 0;
    return count;
  }
};

TEST_CASE("readings of quick and slow collectors reach the relay, each with its own time") {
  Node node;
  node.connect_relay();
  node.start();
  REQUIRE(node.relay_sees([&] {
    return node.relay->samples["node_load1{from=\"quick\"}"].size() >= 5 &&
           node.relay->samples["node_load1{from=\"slow\"}"].size() >= 5;
  }));
  node.stop();
  // The end flushed and delivered everything that was ever taken.
  CHECK(node.relay->ticks() == node.truth_ticks());
  CHECK(node.relay->repeated_ticks == 0);
  CHECK(node.relay->samples["node_load1{from=\"quick\"}"].size() ==
        static_cast<std::size_t>(node.quick.runs));
  CHECK(node.relay->samples["godwit_collector_success{collector=\"quick\"}"].rbegin()->second == 1);
  CHECK(node.relay->samples.contains("godwit_buffer_ticks"));
  CHECK_FALSE(node.relay->statuses.back().online);
  // Aligned to the interval: most moments have the same place within it.
  std::map<std::int64_t, std::size_t> places;
  for (const auto& [time, value] : node.relay->samples["node_load1{from=\"quick\"}"]) {
    ++places[time % 100];
  }
  std::size_t most = 0;
  for (const auto& [place, count] : places) most = std::max(most, count);
  CHECK(most >= 3);
}

TEST_CASE("what a full buffer gave up is what is missing, and the relay is told") {
  Node node;
  node.quick.noise = 600;
  node.max_bytes = 256U << 10;
  node.start();
  const auto stats = [&] {
    auto buffer = Buffer::open_read_only(node.dir.file("buffer.db"));
    BufferStats found;
    found.rows = SIZE_MAX;  // not to be had at this moment
    return buffer.ok() ? buffer->stats() : found;
  };
  const auto limit = std::chrono::seconds(140);  // rows wait in RAM for some seconds each
  REQUIRE(eventually([&] { return stats().lost["thinned"].ticks >= 20; }, limit));
  node.connect_relay();
  REQUIRE(eventually(
      [&] {
        node.relay->step(10);
        return node.relay->ticks() > 20 && stats().rows <= 3;
      },
      limit));
  node.stop();
  REQUIRE(stats().rows == 0);

  std::set<std::uint64_t> expected;
  std::set<std::uint64_t> lost;
  const std::string truth = test::read_file(node.dir.file("truth"));
  for (const auto line : split_lines(truth)) {
    if (line.starts_with("{\"seq\":")) {
      expected.insert(*parse_int<std::uint64_t>(line.substr(7, line.find(',') - 7)));
    }
    if (!line.starts_with("{\"lost\":")) continue;
    std::string numbers(line.substr(line.find("[[")));
    for (auto& c : numbers) c = c >= '0' && c <= '9' ? c : ' ';
    const auto fields = split_blanks(numbers);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      for (auto n = *parse_int<std::uint64_t>(fields[i]);
           n <= *parse_int<std::uint64_t>(fields[i + 1]); ++n) {
        lost.insert(n);
      }
    }
  }
  REQUIRE(lost.size() >= 20);
  for (const auto seq : lost) CHECK(expected.erase(seq) == 1);
  REQUIRE(node.relay->seqs.size() == 1);
  const auto& stored = node.relay->seqs.begin()->second;
  CHECK(stored.size() == expected.size());
  CHECK(std::equal(stored.begin(), stored.end(), expected.begin(), expected.end()));
  std::uint64_t declared = 0;
  for (const auto& [reason, ticks] : node.relay->lost) declared += ticks;
  CHECK(declared == lost.size());
  CHECK(node.relay->thinned_frames > 0);
  CHECK(node.relay->out_of_order == 0);
}

TEST_CASE("a hanging collector delays nobody, is told, and never runs twice at once") {
  Node node;
  node.slow.sleep_ms = 1000;
  node.connect_relay();
  node.start();
  REQUIRE(node.relay_sees([&] { return node.slow.runs >= 2; }));
  node.stop();
  CHECK_FALSE(node.slow.overlapped);
  CHECK(node.quick.runs >= 10);
  bool told = false;
  for (const auto& [time, value] :
       node.relay->samples["godwit_collector_success{collector=\"slow\"}"]) {
    told = told || value == 0;
  }
  CHECK(told);
  CHECK_FALSE(node.relay->samples["node_load1{from=\"slow\"}"].empty());
}

TEST_CASE("a failing collector is told, one whose source does not exist is silent") {
  Node node;
  node.quick.failure = static_cast<int>(ErrorCode::io);
  node.slow.failure = static_cast<int>(ErrorCode::no_data);
  node.connect_relay();
  node.start();
  REQUIRE(node.relay_sees([&] {
    return node.relay->samples["godwit_collector_success{collector=\"quick\"}"].size() >= 3;
  }));
  node.stop();
  const auto& success = node.relay->samples["godwit_collector_success{collector=\"quick\"}"];
  CHECK(success.rbegin()->second == 0);
  CHECK(node.relay->samples.count("godwit_collector_success{collector=\"slow\"}") == 0);
  CHECK(node.slow.runs <= 2);
}

TEST_CASE("what an earlier life stored and journalled is sent by the next one") {
  Node node;
  node.broker.down();
  node.start();
  REQUIRE(eventually([&] { return node.truth_ticks() >= 10; }));
  node.stop();
  const std::size_t before = node.truth_ticks();
  node.broker.up();
  node.connect_relay();
  SECTION("in the same boot") { node.start(); }
  SECTION("after a new boot") {
    node.boot_began_ms = system_clock()().boot_ms;
    node.start("boot-2");
  }
  REQUIRE(node.relay_sees([&] { return node.relay->ticks() > before + 5; }));
  node.stop();
  CHECK(node.relay->ticks() == node.truth_ticks());
  CHECK(node.relay->seqs.size() == 1);
  CHECK(node.relay->repeated_ticks == 0);
}

TEST_CASE("pages for the node: metrics, health, readiness; and the latest readings") {
  Node node;
  node.publish_latest = true;
  const int port = test::free_port();
  node.listen = concat("127.0.0.1:", port);
  node.connect_relay();
  node.start();
  REQUIRE(node.relay_sees([&] { return node.relay->latest.size() >= 2; }));
  const auto latest = decode_latest(node.relay->latest.at("godwit/v1/node-1/latest/quick"));
  REQUIRE(latest.ok());
  CHECK(latest->values.front().first == "node_load1{from=\"quick\"}");
  CHECK(test::port_open(port));
  node.stop();
}

TEST_CASE("a buffer file that is lost from under the agent costs no crash") {
  Node node;
  node.connect_relay();
  node.start();
  REQUIRE(node.relay_sees([&] { return node.relay->ticks() >= 5; }));
  // Overwritten while in use.
  test::write_file(node.dir.file("buffer.db"), std::string(40'000, '\x11'));
  test::write_file(node.dir.file("buffer.db-wal"), std::string(40'000, '\x11'));
  const std::size_t before = node.relay->ticks();
  REQUIRE(node.relay_sees([&] { return node.relay->ticks() > before + 20; }));
  node.stop();
  CHECK(node.relay->statuses.size() >= 2);
}

}  // namespace
}  // namespace godwit
