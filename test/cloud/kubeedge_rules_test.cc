#include "cloud/kubeedge_rules.h"

#include <catch2/catch.hpp>

#include "test/fakes/kubernetes_api.h"
#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using namespace godwit::test;
using nlohmann::json;

namespace {

const std::string nodes_path = "/api/v1/nodes";
const std::string rules_path = "/apis/rules.kubeedge.io/v1/namespaces/default/rules";
const std::string endpoints_path = "/apis/rules.kubeedge.io/v1/namespaces/default/ruleendpoints";

struct Cluster {
  KubernetesApi api;
  KubernetesClient client{"https://api:6443", api.call()};
  RuleSettings settings;

  explicit Cluster(std::initializer_list<const char*> edge_nodes, bool with_crds = true) {
    settings.target_url = "http://godwit-relay.godwit:9751/kubeedge";
    api.add_collection(nodes_path);
    for (const auto* name : edge_nodes) add_node(name, true);
    if (!with_crds) return;
    api.add_collection(rules_path);
    api.add_collection(endpoints_path);
  }
  void add_node(const std::string& name, bool edge) {
    json labels = json::object();
    if (edge) labels["node-role.kubernetes.io/edge"] = "";
    api.put(nodes_path, {{"metadata", {{"name", name}, {"labels", labels}}}});
  }
  RuleReport reconcile() {
    const auto report = reconcile_rules(client, settings);
    REQUIRE(report.ok());
    return *report;
  }
};

}  // namespace

TEST_CASE("every edge node gets its Rule, the answers one for all") {
  Cluster cluster({"edge-1", "edge-2"});
  cluster.add_node("cloud-1", false);
  const auto report = cluster.reconcile();
  CHECK(report.nodes == 2);
  CHECK(report.created == 5);
  const auto& rules = cluster.api.objects(rules_path);
  REQUIRE(rules.size() == 3);
  CHECK(rules.at("godwit-up-edge-1")["spec"] == json::parse(R"({"source":"godwit-eventbus",
          "sourceResource":{"topic":"user/godwit/up","node_name":"edge-1"},
          "target":"godwit-rest",
          "targetResource":{"resource":"http://godwit-relay.godwit:9751/kubeedge"}})"));
  CHECK(rules.at("godwit-down")["spec"] ==
        json::parse(R"({"source":"godwit-rest","sourceResource":{"path":"/godwit/down"},
          "target":"godwit-eventbus","targetResource":{"topic":"godwit/down"}})"));
  CHECK(cluster.api.objects(endpoints_path).at("godwit-eventbus")["spec"]["ruleEndpointType"] ==
        "eventbus");
  CHECK(cluster.api.objects(endpoints_path).at("godwit-rest")["apiVersion"] ==
        "rules.kubeedge.io/v1");
}

TEST_CASE("what is right stays, what is wrong or gone is healed, what is foreign is left alone") {
  Cluster cluster({"edge-1", "edge-2", "edge-3"});
  cluster.reconcile();
  const auto quiet = cluster.reconcile();
  CHECK(quiet.created + quiet.deleted == 0);

  auto& rules = cluster.api.objects(rules_path);
  rules.at("godwit-up-edge-1")["spec"]["targetResource"]["resource"] = "http://elsewhere";
  rules.erase("godwit-up-edge-2");
  cluster.api.objects(nodes_path).erase("edge-3");
  cluster.api.put(rules_path, {{"metadata", {{"name", "somebody-elses"}}}, {"spec", {}}});
  const auto healed = cluster.reconcile();
  CHECK(healed.created == 2);
  CHECK(healed.deleted == 2);
  CHECK(rules.contains("somebody-elses"));
  CHECK(!rules.contains("godwit-up-edge-3"));
  CHECK(rules.at("godwit-up-edge-1")["spec"]["targetResource"]["resource"] ==
        cluster.settings.target_url);
}

TEST_CASE("a cluster without the router's CRDs is told apart from a failing one") {
  Cluster cluster({"edge-1"}, false);
  const auto none = reconcile_rules(cluster.client, cluster.settings);
  REQUIRE(!none.ok());
  CHECK(none.error().code == ErrorCode::no_data);
  cluster.api.fault = [](const std::string&, const std::string&) { return 403; };
  CHECK(reconcile_rules(cluster.client, cluster.settings).error().code == ErrorCode::permission);
  cluster.api.fault = [](const std::string&, const std::string&) { return 429; };
  CHECK(reconcile_rules(cluster.client, cluster.settings).error().code == ErrorCode::unavailable);
  cluster.api.fault = [](const std::string&, const std::string&) { return -1; };
  CHECK(reconcile_rules(cluster.client, cluster.settings).error().code == ErrorCode::unavailable);
}

TEST_CASE("one Rule that the server refuses does not keep others from theirs") {
  Cluster cluster({"edge-1", "edge-2"});
  int posts = 0;
  cluster.api.fault = [&](const std::string& method, const std::string& path) {
    return method == "POST" && path == rules_path && ++posts == 2 ? 500 : 0;
  };
  CHECK(!reconcile_rules(cluster.client, cluster.settings).ok());
  CHECK(cluster.api.objects(rules_path).size() == 2);
  cluster.reconcile();
  CHECK(cluster.api.objects(rules_path).size() == 3);
}

TEST_CASE("another relay that was quicker is no trouble") {
  Cluster cluster({"edge-1"});
  cluster.api.fault = [](const std::string& method, const std::string&) {
    return method == "POST" ? 409 : 0;
  };
  const auto report = cluster.reconcile();
  CHECK(report.created == 0);
}

TEST_CASE("a thousand nodes come page by page") {
  Cluster cluster({});
  for (int i = 0; i < 1000; ++i) cluster.add_node(concat("edge-", i), true);
  cluster.api.page_items = 100;
  CHECK(cluster.reconcile().nodes == 1000);
  CHECK(cluster.api.objects(rules_path).size() == 1001);
}

TEST_CASE("a node's name that makes too long a Rule's name gets another of its own") {
  Cluster cluster({});
  cluster.add_node(std::string(253, 'a'), true);
  cluster.add_node(std::string(252, 'a') + "b", true);
  cluster.reconcile();
  CHECK(cluster.api.objects(rules_path).size() == 3);
  for (const auto& [name, rule] : cluster.api.objects(rules_path)) CHECK(name.size() <= 253);
}

TEST_CASE("an API server that answers nonsense is an error") {
  for (const char* body : {"", "no json", "[]", "{}", R"({"items":3})"}) {
    KubernetesClient client("https://api:6443", [&](const HttpCallRequest&) -> Result<HttpReply> {
      return HttpReply{200, body, ""};
    });
    CHECK(!reconcile_rules(client, RuleSettings()).ok());
  }
  KubernetesClient odd("https://api:6443", [](const HttpCallRequest&) -> Result<HttpReply> {
    return HttpReply{
        200, R"({"items":[3,{},{"metadata":[]},{"metadata":{"name":7}}],"metadata":1})", ""};
  });
  CHECK(odd.list("/api/v1/nodes", "", 10)->empty());
}

TEST_CASE("Rules are kept by a thread that ends at once") {
  Cluster cluster({"edge-1"});
  {
    const KubeedgeRules rules(KubernetesClient("https://api:6443", cluster.api.call()),
                              cluster.settings);
  }
  CHECK(cluster.api.requests <= 8);
}
