#include "cloud/node_patcher.h"

#include <catch2/catch.hpp>

#include "test/cloud/npu_cluster.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::Cluster;
using test::one_chip;

constexpr std::int64_t start_ms = 1'795'000'000'000;
constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;

NodePatcherOptions annotations_alone() {
  NodePatcherOptions options;
  options.limits.conditions = false;
  return options;
}

// A patcher in a world whose time the test makes.
struct World {
  explicit World(Cluster& of, NodePatcherOptions options = annotations_alone())
      : cluster(of), patcher(KubernetesClient("https://api:6443", cluster.api.call()), options, [] {
          return 0.5;
        }) {}

  Cluster& cluster;
  NodePatcher patcher;
  std::int64_t passed_ms = 0;

  [[nodiscard]] std::int64_t wall() const { return start_ms + passed_ms; }
  void report(const std::string& node, double celsius) {
    patcher.on_live(node, {wall(), one_chip(wall(), celsius), {}});
  }
  // Lets time pass; each step takes no time.
  void run(std::int64_t ms) {
    const std::int64_t end = passed_ms + ms;
    while (passed_ms < end) {
      const auto wait = patcher.step(wall(), 1'000'000 + passed_ms);
      if (wait > 0) passed_ms += std::min({wait, end - passed_ms, 100 * second});
    }
    patcher.step(wall(), 1'000'000 + passed_ms);
  }
  std::uint64_t count(const std::string& result) const {
    const auto all = patcher.stats().requests;
    const auto found = all.find(result);
    return found == all.end() ? 0 : found->second;
  }
};

TEST_CASE("the first report is written at once, later ones once per interval") {
  Cluster cluster({"n"});
  World world(cluster);
  for (int i = 0; i < 60; ++i) {  // one a second
    world.report("n", 40 + i);
    world.run(second);
    if (i == 0) CHECK(cluster.annotation("n", "temperature") == "40");
  }
  CHECK(cluster.api.patches >= 5);
  CHECK(cluster.api.patches <= 6);
  CHECK(world.patcher.stats().patches == cluster.api.patches);
}

TEST_CASE("readings that say nothing new cost no requests but the renewal") {
  Cluster cluster({"n"});
  World world(cluster);
  for (int i = 0; i < 60; ++i) {
    world.report("n", 40);
    world.run(10 * second);
  }
  CHECK(cluster.api.patches == 10);  // one a minute
  CHECK(cluster.api.requests == 20);
}

TEST_CASE("old and repeated reports change nothing") {
  Cluster cluster({"n"});
  World world(cluster);
  world.report("n", 40);
  world.run(minute / 2);
  world.patcher.on_live("n", {start_ms - minute, one_chip(start_ms - minute, 70), {}});
  world.patcher.on_live("n", {start_ms, one_chip(start_ms, 71), {}});
  world.run(minute / 2);
  CHECK(cluster.annotation("n", "temperature") == "40");
  CHECK(cluster.api.patches == 1);
}

TEST_CASE("a node that goes silent turns Unhealthy in time, and is forgotten") {
  Cluster cluster({"n"});
  World world(cluster);
  world.patcher.on_presence("n", true);
  world.report("n", 40);
  world.run(3 * minute - second);
  CHECK(cluster.annotation("n", "health") == "Healthy");
  world.run(5 * second);
  CHECK(cluster.annotation("n", "health") == "Unhealthy");
  CHECK(cluster.annotation("n", "temperature") == "(absent)");
  CHECK(world.patcher.stats().nodes == 0);
  world.report("n", 41);
  world.run(second);
  CHECK(cluster.annotation("n", "health") == "Healthy");
}

TEST_CASE("a relay that starts anew finds the nodes that went silent before") {
  Cluster cluster({"silent", "elsewhere", "never"});
  {
    World before(cluster);
    before.report("silent", 40);
    before.run(second);
  }
  World world(cluster);
  world.passed_ms = minute;
  for (const char* node : {"silent", "elsewhere", "never"}) world.patcher.on_presence(node, false);
  world.run(4 * minute);
  CHECK(cluster.annotation("silent", "health") == "Unhealthy");
  CHECK(cluster.annotation("never", "health") == "(absent)");
  CHECK(world.patcher.stats().nodes == 0);
}

TEST_CASE("two relays with half of the frames each do not flap") {
  Cluster cluster({"n"});
  World one(cluster), two(cluster);
  std::string last;
  for (int i = 0; i < 200; ++i) {
    // The broker gives one relay long runs, the other now and then one.
    ((i * i) % 7 < 4 ? one : two).report("n", 40 + i % 50);
    for (int s = 0; s < 10; ++s) {
      one.run(second);
      two.run(second);
      const std::string shown = cluster.annotation("n", "metrics-updated");
      REQUIRE(shown >= last);
      last = shown;
      REQUIRE(cluster.annotation("n", "health") == "Healthy");
    }
  }
  CHECK(cluster.api.patches <= 201);
  CHECK(cluster.api.patches >= 150);
}

TEST_CASE("a relay that gets nothing of an online node leaves it to the one that does") {
  Cluster cluster({"n"});
  World holder(cluster), other(cluster);
  other.patcher.on_presence("n", true);
  for (int i = 0; i < 100; ++i) {
    holder.report("n", 40 + i);
    holder.run(10 * second);
    other.run(10 * second);
    REQUIRE(cluster.annotation("n", "health") == "Healthy");
  }
  CHECK(other.patcher.stats().patches == 0);
  other.run(30 * minute);  // the holder is dead
  CHECK(cluster.annotation("n", "health") == "Unhealthy");
}

TEST_CASE("a node that Kubernetes does not have is asked for ever more rarely") {
  Cluster cluster({"n"});
  World world(cluster);
  const auto before = cluster.api.requests;
  for (int i = 0; i < 6 * 60; ++i) {  // an hour
    world.report("ghost", i);
    world.report("../secrets", i);
    world.patcher.on_presence("ghost", true);
    world.run(10 * second);
  }
  CHECK(cluster.api.requests - before <= 7);
  CHECK(world.patcher.stats().missing == 2);
  CHECK(world.count("missing") >= 5);
  cluster.add_node("ghost");
  for (int i = 0; i < 2 * 6 * 60; ++i) {
    world.report("ghost", i);
    world.run(10 * second);
  }
  CHECK(cluster.annotation("ghost", "health") == "Healthy");
  CHECK(world.patcher.stats().missing == 0);  // nothing has come of the other for an hour
}

TEST_CASE("failures are tried again with growing pauses") {
  Cluster cluster({"n", "m"});
  World world(cluster);
  int status = 0;
  cluster.api.fault = [&](const std::string& method, const std::string& path) {
    return method == "PATCH" && path.ends_with("/n") ? status : 0;
  };
  SECTION("500 for one node leaves the others alone") {
    status = 500;
    for (int i = 0; i < 30; ++i) {
      world.report("n", i);
      world.report("m", i);
      world.run(10 * second);
    }
    CHECK(cluster.annotation("m", "health") == "Healthy");
    CHECK(cluster.api.patches >= 25);
    CHECK(world.count("failed") >= 5);
    CHECK(world.count("failed") <= 12);
    status = 0;
    world.run(10 * minute);
    world.report("n", 77);
    world.run(second);
    CHECK(cluster.annotation("n", "temperature") == "77");
  }
  SECTION("409 for ever") {
    status = 409;
    world.report("n", 1);
    world.run(10 * second);
    CHECK(world.count("conflict") >= 4);
    CHECK(world.count("failed") == 0);
    status = 0;
    world.run(minute);
    CHECK(cluster.annotation("n", "temperature") == "1");
  }
  SECTION("429 with Retry-After stops everything for so long") {
    status = 429;
    cluster.api.retry_after = "30";
    world.report("n", 1);
    world.run(second);
    const auto made = cluster.api.requests;
    world.report("m", 1);
    world.run(28 * second);
    CHECK(cluster.api.requests == made);
    status = 0;
    world.run(10 * second);
    CHECK(cluster.annotation("n", "temperature") == "1");
    CHECK(cluster.annotation("m", "temperature") == "1");
  }
}

TEST_CASE("a server that does not answer is not hammered") {
  Cluster cluster({"n", "m"});
  World world(cluster);
  int status = -1;
  cluster.api.fault = [&](const std::string&, const std::string&) { return status; };
  SECTION("no connection") { status = -1; }
  SECTION("not allowed") { status = 403; }
  SECTION("overloaded") { status = 503; }
  for (int i = 0; i < 100; ++i) {
    world.report("n", i);
    world.report("m", i);
    world.run(10 * second);
  }
  CHECK(cluster.api.requests <= 80);
  status = 0;
  world.run(2 * minute);
  world.report("n", 50);
  world.run(10 * minute);
  world.report("n", 51);
  world.run(5 * second);
  CHECK(cluster.annotation("n", "temperature") == "51");
}

TEST_CASE("ten thousand nodes that change all the time keep to the bounds") {
  Cluster cluster({});
  constexpr int nodes = 10'000;
  for (int i = 0; i < nodes; ++i) cluster.add_node(concat("edge-", i));
  NodePatcherOptions options = annotations_alone();
  options.qps = 50;
  options.max_nodes = nodes;
  World world(cluster, options);
  constexpr int turns = 30;
  for (int turn = 0; turn < turns; ++turn) {
    for (int i = 0; i < nodes; ++i) world.report(concat("edge-", i), 30 + (turn + i) % 40);
    world.report(concat("one-too-many-", turn), 1);
    const auto before = cluster.api.requests;
    world.run(10 * second);
    REQUIRE(cluster.api.requests - before <= 11 * 50);
  }
  const auto stats = world.patcher.stats();
  CHECK(cluster.api.requests <= (10 * turns + 1) * 50);
  CHECK(cluster.api.requests >= (10 * turns - 10) * 50);
  CHECK(stats.nodes == nodes);
  CHECK(stats.refused == turns);
  // Everybody has had a turn before anybody had a second one.
  int written = 0;
  for (int i = 0; i < nodes; ++i) {
    if (cluster.annotation(concat("edge-", i), "health") == "Healthy") ++written;
  }
  CHECK(written >= turns * 10 * 50 / 2 - 100);
}

// With conditions: health is told every ten seconds, and by every frame that the node is there.
void hear(World& world, const std::string& node, bool is_hot) {
  ProblemReport problems{world.wall(),
                         {{"GPUHealthy", is_hot ? "True" : "False",
                           is_hot ? "GPUOverheating" : "GPUIsHealthy", "", 0}}};
  world.patcher.on_live(node, {world.wall(), {}, std::move(problems)});
}

TEST_CASE("a condition is written when it changes and once per heartbeat") {
  Cluster cluster({"n"});
  World world(cluster, {});
  world.patcher.on_presence("n", true);
  for (int i = 0; i < 180; ++i) {  // half an hour
    hear(world, "n", i >= 90 && i < 120);
    world.run(10 * second);
    if (i == 90) CHECK(cluster.condition("n", "GPUHealthy") == "True GPUOverheating");
    if (i == 120) CHECK(cluster.condition("n", "GPUHealthy") == "False GPUIsHealthy");
  }
  CHECK(cluster.api.patches >= 6);
  CHECK(cluster.api.patches <= 12);  // two changes with an Event each
  CHECK(cluster.api.requests <= 40);
  CHECK(cluster.events().size() == 2);
  world.patcher.on_presence("n", false);
  world.run(4 * minute);
  CHECK(cluster.condition("n", "GPUHealthy") == "Unknown TelemetryStale");
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "True NodeOffline");
  CHECK(world.patcher.stats().nodes == 0);
  CHECK(cluster.events().size() == 4);
}

TEST_CASE(
    "an online node that says nothing is Unknown after a while, a node without problems too") {
  Cluster cluster({"n", "plain"});
  World world(cluster, {});
  for (const char* node : {"n", "plain"}) world.patcher.on_presence(node, true);
  hear(world, "n", false);
  world.patcher.on_live("plain", {world.wall(), {}, {}});
  world.run(second);
  CHECK(cluster.condition("plain", "EdgeTelemetryStale") == "False TelemetryIsFresh");
  world.run(9 * minute);
  CHECK(cluster.condition("n", "GPUHealthy") == "Unknown TelemetryStale");
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "True NoFreshReadings");
  CHECK(cluster.condition("plain", "EdgeTelemetryStale") == "True NoFreshReadings");
}

TEST_CASE("three relays with a third of the frames each agree on conditions") {
  Cluster cluster({"n"});
  World relays[] = {World(cluster, {}), World(cluster, {}), World(cluster, {})};
  for (auto& relay : relays) relay.patcher.on_presence("n", true);
  int shown_late = 0;
  for (int i = 0; i < 360; ++i) {  // an hour
    hear(relays[i * i * 7 % 11 % 3], "n", i / 60 % 2 == 1);
    for (auto& relay : relays) relay.run(10 * second);
    const bool is_hot = i / 60 % 2 == 1;
    const bool shown = cluster.condition("n", "GPUHealthy") == "True GPUOverheating";
    shown_late += is_hot == shown ? 0 : 1;
    REQUIRE(cluster.condition("n", "EdgeTelemetryStale") == "False TelemetryIsFresh");
  }
  CHECK(shown_late <= 6);
  CHECK(cluster.events().size() >= 2);
  CHECK(cluster.api.patches <= 40);
}

}  // namespace
}  // namespace godwit
