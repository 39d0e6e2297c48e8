#include "cloud/node_write.h"

#include <catch2/catch.hpp>

#include "test/cloud/npu_cluster.h"

namespace godwit {
namespace {

using nlohmann::json;
using test::Cluster;
using test::one_chip;

constexpr std::int64_t start_ms = 1'795'000'000'000;
constexpr std::int64_t second = 1000;
const std::string seconds_0 = "2026-11-18T11:06:40Z";
const std::string seconds_10 = "2026-11-18T11:06:50Z";

// One relay's look at node "n".
struct Look {
  Cluster& cluster;
  KubernetesClient client{"https://api:6443", cluster.api.call()};
  NodeView view{};
  NodeLimits limits{};
  NodeRequests counts{};

  Result<AnnotationDecision> at(std::int64_t now_ms) {
    limits.conditions = false;
    auto decision = write_node(client, "n", view, limits, now_ms, counts);
    if (!decision) return decision.error();
    return decision->annotations;
  }
};

TEST_CASE("a report is written once, and again when it says something new or is old") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  REQUIRE(relay.at(start_ms + 1)->write.has_value());
  CHECK(cluster.annotation("n", "temperature") == "40");
  CHECK(cluster.annotation("n", "metrics-updated") == seconds_0);
  CHECK(cluster.annotation("n", "power") == "(absent)");
  CHECK(cluster.object("n")["metadata"]["annotations"]["somebody.else/key"] == "kept");

  CHECK(!relay.at(start_ms + 2)->write);
  relay.view.report = one_chip(start_ms + 20 * second, 40);
  CHECK(!relay.at(start_ms + 21 * second)->write);  // nothing new
  relay.view.report = one_chip(start_ms + 30 * second, 41);
  CHECK(relay.at(start_ms + 31 * second)->write);
  CHECK(cluster.annotation("n", "temperature") == "41");
  relay.view.report = one_chip(start_ms + 90 * second, 41);
  CHECK(relay.at(start_ms + 91 * second)->write);  // a third of stale_after is over
  CHECK(cluster.api.patches == 3);
}

TEST_CASE("what is gone from a report goes from the object") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  relay.view.report->chips[0].watts = 100;
  REQUIRE(relay.at(start_ms).ok());
  CHECK(cluster.annotation("n", "power") == "100");
  relay.view.report = one_chip(start_ms + 10 * second, 40);
  REQUIRE(relay.at(start_ms + 10 * second).ok());
  CHECK(cluster.annotation("n", "power") == "(absent)");
}

TEST_CASE("a relay never replaces a later reading, and two write no oftener than one") {
  Cluster cluster({"n"});
  Look one{cluster}, two{cluster};
  one.view.report = one_chip(start_ms + 10 * second, 50);
  two.view.report = one_chip(start_ms, 40);
  REQUIRE(one.at(start_ms + 11 * second)->write);
  CHECK(!two.at(start_ms + 11 * second)->write);
  CHECK(two.at(start_ms + 11 * second)->shown_ms == start_ms + 10 * second);
  two.view.report = one_chip(start_ms + 15 * second, 55);
  CHECK(!two.at(start_ms + 16 * second)->write);
  two.view.report = one_chip(start_ms + 20 * second, 55);
  CHECK(two.at(start_ms + 20 * second)->write);
  CHECK(cluster.annotation("n", "metrics-updated") == "2026-11-18T11:07:00Z");
}

TEST_CASE("of two relays that write at one moment one looks again") {
  Cluster cluster({"n"});
  Look slow{cluster};
  slow.view.report = one_chip(start_ms, 40);
  // Between the slow one's GET and its PATCH the quick one writes something later.
  int gets = 0;
  cluster.api.fault = [&](const std::string& method, const std::string&) {
    if (method == "PATCH" && ++gets == 1) {
      const auto fault = std::exchange(cluster.api.fault, nullptr);
      Look quick{cluster};
      quick.view.report = one_chip(start_ms + 10 * second, 50);
      CHECK(quick.at(start_ms + 10 * second)->write);
      cluster.api.fault = fault;
    }
    return 0;
  };
  const auto decision = slow.at(start_ms + 10 * second);
  REQUIRE(decision.ok());
  CHECK(!decision->write);
  CHECK(slow.counts.conflicts == 1);
  CHECK(cluster.annotation("n", "temperature") == "50");
  CHECK(cluster.annotation("n", "metrics-updated") == seconds_10);
}

TEST_CASE("an object that changes all the time is left for another time") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  cluster.api.fault = [&](const std::string& method, const std::string&) {
    if (method == "PATCH") cluster.api.put("/api/v1/nodes", cluster.object("n"));
    return 0;
  };
  const auto decision = relay.at(start_ms);
  REQUIRE(!decision.ok());
  CHECK(decision.error().code == ErrorCode::unavailable);
  CHECK(relay.counts.conflicts == 4);
}

TEST_CASE("stale readings are Unhealthy without figures, once") {
  Cluster cluster({"n"});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  REQUIRE(relay.at(start_ms).ok());
  CHECK(!relay.at(start_ms + 179 * second)->is_stale);
  const auto decision = relay.at(start_ms + 180 * second);
  CHECK(decision->is_stale);
  CHECK(decision->write);
  CHECK(cluster.annotation("n", "health") == "Unhealthy");
  CHECK(cluster.annotation("n", "metrics-updated") == seconds_0);
  for (const char* key : {"temperature", "utilization", "power", "hbm-total", "aicore-count"}) {
    CHECK(cluster.annotation("n", key) == "(absent)");
  }
  CHECK(!cluster.object("n")["metadata"]["annotations"].contains("k8s-monitor.io/npu-metrics"));
  CHECK(!relay.at(start_ms + 181 * second)->write);
  relay.view.report = one_chip(start_ms + 200 * second, 45);
  CHECK(relay.at(start_ms + 201 * second)->write);
  CHECK(cluster.annotation("n", "health") == "Healthy");
}

TEST_CASE("a relay that was born later finds what another left behind") {
  Cluster cluster({"n"});
  Look dead{cluster};
  dead.view.report = one_chip(start_ms, 40);
  REQUIRE(dead.at(start_ms).ok());
  Look heir{cluster};
  heir.view.online = false;
  CHECK(!heir.at(start_ms + 100 * second)->is_stale);
  heir.view.online = true;  // somebody else may get the frames of an online node
  CHECK(!heir.at(start_ms + 200 * second)->is_stale);
  heir.view.online = false;
  CHECK(heir.at(start_ms + 200 * second)->is_stale);
  CHECK(cluster.annotation("n", "health") == "Unhealthy");

  Cluster untouched({"n"});
  Look stranger{untouched};
  CHECK(stranger.at(start_ms)->shown_ms == 0);
  CHECK(untouched.api.patches == 0);  // no NPU that anybody knows of
}

TEST_CASE("a reading that somebody with a wrong clock left does not last for ever") {
  Cluster cluster({"n"});
  cluster.annotate("n", {{"npu.huawei.com/metrics-updated", "2036-01-01T00:00:00Z"},
                         {"npu.huawei.com/health", "Healthy"}});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  CHECK(relay.at(start_ms)->write);
  CHECK(cluster.annotation("n", "metrics-updated") == seconds_0);
}

TEST_CASE(
    "annotations that somebody removed come back; those of the old collector are taken over") {
  Cluster cluster({"n"});
  cluster.annotate("n", {{"npu.huawei.com/health", "Healthy"}, {"npu.huawei.com/power", "12.5"}});
  Look relay{cluster};
  relay.view.report = one_chip(start_ms, 40);
  REQUIRE(relay.at(start_ms)->write);
  CHECK(cluster.annotation("n", "power") == "(absent)");
  cluster.annotate("n", {{"npu.huawei.com/health", nullptr}});
  REQUIRE(relay.at(start_ms + second)->write);
  CHECK(cluster.annotation("n", "health") == "Healthy");
}

TEST_CASE("answers that are no Node object do no harm") {
  for (const char* body : {"[]", "3", "{}", R"({"metadata":3})", R"({"metadata":[1]})",
                           R"({"metadata":{"annotations":[]}})",
                           R"({"metadata":{"annotations":{"npu.huawei.com/health":{}}}})"}) {
    KubernetesClient client("https://api:6443", [&](const HttpCallRequest&) -> Result<HttpReply> {
      return HttpReply{200, body, ""};
    });
    NodeRequests counts;
    NodeView view;
    view.report = one_chip(start_ms, 40);
    CHECK(write_node(client, "n", view, {}, start_ms, counts).ok());
  }
}

TEST_CASE("names of Nodes") {
  for (const char* name : {"n", "edge-1", "a.b.c", "0"}) CHECK(is_node_name(name));
  CHECK(is_node_name(std::string(253, 'a')));
  CHECK(!is_node_name(std::string(254, 'a')));
  for (const char* name :
       {"", "-", ".", "..", "a..b", "A", "a/b", "a b", "a%2f", "a?b", "a-", "\xc3\xa4"}) {
    CHECK(!is_node_name(name));
  }
}

}  // namespace
}  // namespace godwit
