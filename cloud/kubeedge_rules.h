// KubeedgeRules: keeps the Rule and RuleEndpoint objects (rules.kubeedge.io/v1) by which KubeEdge
// carries envelopes from each edge node to the relay and answers back. KubeEdge wants one Rule per
// node; it heeds creation and deletion alone, so an object that differs is deleted and made anew.
// Any number of relays may keep the same objects.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/eventbus_gateway.h"
#include "cloud/kubernetes_client.h"

namespace godwit {

struct RuleSettings {
  std::string rule_namespace = "default";
  std::string up_topic = "godwit/up";     // below <namespace>/user/ on the node
  std::string target_url;                 // the relay's ingest, as CloudCore reaches it
  std::string down_path = "godwit/down";  // of the REST source, and the topic on the node
  std::string node_selector = "node-role.kubernetes.io/edge";
  std::int64_t interval_ms = 30'000;
};

struct RuleReport {
  std::size_t nodes = 0;
  std::size_t created = 0;
  std::size_t deleted = 0;
};

// Brings the objects in line, once. no_data: the cluster has no such kind of object. What fails for
// one node does not keep the others from theirs; the first such Error is returned.
Result<RuleReport> reconcile_rules(KubernetesClient& client, const RuleSettings& settings);

// Does that every now and then on a thread of its own, and tells what it did.
class KubeedgeRules {
 public:
  KubeedgeRules(KubernetesClient client, RuleSettings settings);
  KubeedgeRules(const KubeedgeRules&) = delete;
  KubeedgeRules& operator=(const KubeedgeRules&) = delete;
  ~KubeedgeRules();

 private:
  void run();
  void turn();

  KubernetesClient client_;
  const RuleSettings settings_;
  std::string told_;  // trouble, as logged last
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace godwit
