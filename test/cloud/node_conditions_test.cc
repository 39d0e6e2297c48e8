#include "cloud/node_conditions.h"

#include <catch2/catch.hpp>

#include "cloud/node_events.h"
#include "cloud/node_write.h"
#include "test/cloud/npu_cluster.h"
#include "test/cloud/npu_frames.h"

namespace godwit {
namespace {

using nlohmann::json;
using test::Cluster;
using test::FrameOf;

constexpr std::int64_t start_ms = 1'795'000'000'000;
constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;

ProblemReport hot(std::int64_t time_ms, bool is_hot, std::int64_t since_ms) {
  return {time_ms,
          {{"GPUHealthy", is_hot ? "True" : "False", is_hot ? "GPUOverheating" : "GPUIsHealthy",
            is_hot ? "GPU 0: temperature above 85 C" : "GPU is healthy", since_ms}}};
}

// One relay's look at node "n".
struct Look {
  Cluster& cluster;
  KubernetesClient client{"https://api:6443", cluster.api.call()};
  NodeView view{};
  NodeLimits limits{};
  NodeRequests counts{};

  void live(std::int64_t time_ms, std::optional<ProblemReport> problems = {}) {
    if (view.live_ms == 0) view.since_ms = time_ms;
    view.live_ms = time_ms;
    if (problems) view.problems = std::move(problems);
  }
  ConditionDecision at(std::int64_t now_ms) {
    const auto decision = write_node(client, "n", view, limits, now_ms, counts);
    REQUIRE(decision.ok());
    return decision->conditions;
  }
};

TEST_CASE("problems are read from the last tick that tells them, known types alone") {
  FrameOf made;
  const auto problem = [&](const char* type, const char* reason, std::vector<double> values) {
    made.add("godwit_problem", {{"reason", reason}, {"type", type}}, std::move(values));
  };
  const auto info = [&](const char* type, const char* reason, const char* message) {
    made.add("godwit_problem_info", {{"message", message}, {"reason", reason}, {"type", type}},
             {absent, 1, absent});
  };
  problem("GPUHealthy", "GPUIsHealthy", {0, absent, absent});
  problem("GPUHealthy", "GPUOverheating", {absent, 1, absent});
  info("GPUHealthy", "GPUOverheating", "GPU 0: temperature above 85 C");
  problem("GPUHung", "GPUIsNotHung", {0, 0, absent});
  info("NPUUnhealthy", "NPU;Not Available", "no tool");
  problem("Ready", "Mine", {1, 1, absent});
  info("MemoryPressure", "Mine", "x");
  made.add("godwit_problem_transition_timestamp_seconds", {{"type", "GPUHealthy"}},
           {absent, 1'794'999'000, absent});
  made.add("godwit_problem_transition_timestamp_seconds", {{"type", "XIDErrors"}},
           {absent, 1e300, absent});
  const auto report = read_problems(made.schema, made.frame);
  REQUIRE(report);
  CHECK(report->time_ms == start_ms + second);
  CHECK(report->problems ==
        std::vector<Problem>{{"GPUHealthy", "True", "GPUOverheating",
                              "GPU 0: temperature above 85 C", 1'794'999'000'000},
                             {"GPUHung", "False", "GPUIsNotHung", "GPU is not hung", 0},
                             {"NPUUnhealthy", "Unknown", "NPUNotAvailable", "no tool", 0}});
  CHECK(!read_problems({}, Frame()));
}

TEST_CASE("conditions are written with the node's own times, beside those of others") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.live(start_ms, hot(start_ms, true, start_ms - minute));
  CHECK(relay.at(start_ms + second).changes.size() == 1);
  CHECK(cluster.find_condition("n", "GPUHealthy") == json::parse(R"({"type":"GPUHealthy",
      "status":"True","reason":"GPUOverheating","message":"GPU 0: temperature above 85 C",
      "lastHeartbeatTime":"2026-11-18T11:06:40Z","lastTransitionTime":"2026-11-18T11:05:40Z"})"));
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "False TelemetryIsFresh");
  CHECK(cluster.find_condition("n", "Ready") == Cluster::ready());
  CHECK(cluster.object("n")["status"]["conditions"].size() == 3);
}

TEST_CASE("the transition time stays over heartbeats, restarts of relays and changes of message") {
  Cluster cluster({"n"});
  const auto transition = [&] {
    return cluster.find_condition("n", "GPUHealthy")["lastTransitionTime"].get<std::string>();
  };
  Look relay{cluster};
  relay.live(start_ms, hot(start_ms, true, start_ms - minute));
  relay.at(start_ms);
  relay.live(start_ms + minute, hot(start_ms + minute, true, start_ms - minute));
  CHECK(relay.at(start_ms + minute).write.empty());  // no news, no heartbeat yet
  Look later{cluster};  // a new one, to which the node cannot tell the time any more
  later.live(start_ms + 6 * minute, hot(start_ms + 6 * minute, true, 0));
  CHECK(later.at(start_ms + 6 * minute).changes.empty());
  CHECK(cluster.find_condition("n", "GPUHealthy")["lastHeartbeatTime"] == "2026-11-18T11:12:40Z");
  CHECK(transition() == "2026-11-18T11:05:40Z");
  auto renamed = hot(start_ms + 7 * minute, true, 0);
  renamed.problems[0].message = "GPU 1: temperature above 85 C";
  later.live(start_ms + 7 * minute, renamed);
  CHECK(later.at(start_ms + 7 * minute).changes.empty());
  CHECK(transition() == "2026-11-18T11:05:40Z");
  // It was well for a moment that no relay saw.
  later.live(start_ms + 8 * minute, hot(start_ms + 8 * minute, true, start_ms + 450 * second));
  later.view.problems->problems[0].message = "again";
  later.at(start_ms + 8 * minute);
  CHECK(transition() == "2026-11-18T11:14:10Z");
  later.live(start_ms + 9 * minute, hot(start_ms + 9 * minute, false, start_ms + 500 * second));
  CHECK(later.at(start_ms + 9 * minute).changes.size() == 1);
  CHECK(transition() == "2026-11-18T11:15:00Z");
}

TEST_CASE("a relay never replaces a later reading by an earlier one") {
  Cluster cluster({"n"});
  Look one{cluster}, two{cluster};
  one.live(start_ms + 10 * second, hot(start_ms + 10 * second, true, 0));
  one.at(start_ms + 10 * second);
  // It has heard the node since, but not of its problems.
  two.live(start_ms, hot(start_ms, false, 0));
  two.live(start_ms + 20 * second);
  CHECK(two.at(start_ms + 20 * second).write.empty());
  // Nor does a relay that has heard of none take them away.
  Look fresh{cluster};
  fresh.live(start_ms + 30 * second);
  CHECK(fresh.at(start_ms + 30 * second).write.empty());
  CHECK(cluster.condition("n", "GPUHealthy") == "True GPUOverheating");
}

TEST_CASE("a type that does not apply any more goes, another's of the same name stays") {
  Cluster cluster({"n"});
  cluster.object("n")["status"]["conditions"].push_back(
      {{"type", "GPUHung"},
       {"status", "True"},
       {"reason", "Other"},
       {"message", ""},
       {"lastHeartbeatTime", "2026-11-18T10:00:00Z"}});
  Look relay{cluster};
  relay.live(start_ms, hot(start_ms, false, 0));
  relay.at(start_ms);
  relay.live(start_ms + 10 * second, ProblemReport{start_ms + 10 * second, {}});
  CHECK(!relay.at(start_ms + 10 * second).write.empty());
  CHECK(cluster.condition("n", "GPUHealthy") == "(absent)");
  CHECK(cluster.condition("n", "GPUHung") == "True Other");
}

TEST_CASE("a silent node is Unknown, and comes back") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.view.online = true;
  relay.live(start_ms, hot(start_ms, true, start_ms - minute));
  relay.at(start_ms);
  CHECK(!relay.at(start_ms + 7 * minute).is_stale);  // another relay may hear it
  relay.view.online = false;
  const auto gone = relay.at(start_ms + 7 * minute);
  CHECK(gone.is_stale);
  CHECK(gone.changes.size() == 2);
  CHECK(cluster.condition("n", "GPUHealthy") == "Unknown TelemetryStale");
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "True NodeOffline");
  CHECK(cluster.find_condition("n", "GPUHealthy")["lastTransitionTime"] == "2026-11-18T11:13:40Z");
  CHECK(cluster.find_condition("n", "Ready") == Cluster::ready());
  CHECK(relay.at(start_ms + 8 * minute).write.empty());

  relay.view.online = true;
  relay.live(start_ms + 9 * minute, hot(start_ms + 9 * minute, true, start_ms - minute));
  CHECK(relay.at(start_ms + 9 * minute).changes.size() == 2);
  CHECK(cluster.condition("n", "GPUHealthy") == "True GPUOverheating");
  // It was Unknown in between.
  CHECK(cluster.find_condition("n", "GPUHealthy")["lastTransitionTime"] == "2026-11-18T11:15:40Z");
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "False TelemetryIsFresh");
}

TEST_CASE("a relay that never heard of a node leaves it alone, or finishes another's work") {
  Cluster cluster({"n"});
  Look stranger{cluster};
  CHECK(stranger.at(start_ms).write.empty());
  Look dead{cluster};
  dead.live(start_ms, hot(start_ms, false, 0));
  dead.at(start_ms);
  CHECK(!stranger.at(start_ms + 2 * minute).is_stale);
  CHECK(stranger.at(start_ms + 4 * minute).is_stale);
  CHECK(cluster.condition("n", "GPUHealthy") == "Unknown TelemetryStale");
}

TEST_CASE("conditions that are none do no harm") {
  NodeView view;
  view.live_ms = start_ms;
  view.problems = hot(start_ms, true, INT64_MAX / 2);
  for (const char* present :
       {"3", "{}", "[]", "[3,null,{}]", R"([{"type":7}])",
        R"([{"type":"EdgeTelemetryStale","lastHeartbeatTime":"soon"}])",
        R"([{"type":"EdgeTelemetryStale","lastHeartbeatTime":"2099-01-01T00:00:00Z"}])",
        R"([{"type":"GPUHealthy","status":[],"reason":{}}])"}) {
    CHECK(decide_conditions(json::parse(present), view, {}, start_ms).write.size() == 2);
  }
}

TEST_CASE("one Event per kind of change, counted") {
  Cluster cluster({"n"});
  KubernetesClient client("https://api:6443", cluster.api.call());
  NodeEvents events("godwit-relay");
  ConditionChange change{"GPUHealthy", "True", "GPUOverheating", "GPU 0: temperature above 85 C",
                         start_ms};
  const auto send = [&] {
    events.add("n", "uid-of-n", change);
    while (!events.empty()) static_cast<void>(events.send(client));
  };
  send();
  REQUIRE(cluster.events().size() == 1);
  const json made = cluster.events().begin()->second;
  CHECK(made["involvedObject"] ==
        json::parse(R"({"apiVersion":"v1","kind":"Node","name":"n","uid":"uid-of-n"})"));
  CHECK(made["type"] == "Warning");
  CHECK(made["message"] ==
        "Node condition GPUHealthy is now: True, reason: GPUOverheating, message: "
        "GPU 0: temperature above 85 C");
  change.time_ms += 5 * minute;
  send();
  REQUIRE(cluster.events().size() == 1);
  CHECK(cluster.events().begin()->second["count"] == 2);
  CHECK(cluster.events().begin()->second["firstTimestamp"] == "2026-11-18T11:06:40Z");
  CHECK(cluster.events().begin()->second["lastTimestamp"] == "2026-11-18T11:11:40Z");
  change.status = "False";
  send();
  CHECK(cluster.events().size() == 2);
  SECTION("one that has expired is made anew") {
    cluster.events().clear();
    change.time_ms += minute;
    send();
    CHECK(cluster.events().size() == 1);
  }
  SECTION("what is never taken is dropped and counted, and what waits is bounded") {
    cluster.api.fault = [](const std::string&, const std::string&) { return 500; };
    for (int i = 0; i < 2000; ++i) events.add("n", "uid-of-n", change);
    CHECK(events.dropped() == 1000);
    for (int i = 0; i < 5; ++i) CHECK(!events.send(client).ok());
    CHECK(events.dropped() == 1001);
  }
  SECTION("an answer that was lost makes no second one") {
    change.reason = "Other";
    int tries = 0;
    cluster.api.fault = [&](const std::string& method, const std::string&) {
      if (method == "POST" && ++tries == 2) return 409;
      return 0;
    };
    send();
    CHECK(cluster.events().size() == 3);
  }
}

}  // namespace
}  // namespace godwit
