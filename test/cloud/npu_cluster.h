// A cluster with Node objects for tests of what the relay writes on them.
#pragma once

#include <initializer_list>
#include <string>

#include "cloud/npu_report.h"
#include "test/fakes/kubernetes_api.h"

namespace godwit::test {

struct Cluster {
  KubernetesApi api;

  Cluster(std::initializer_list<const char*> nodes) {
    api.add_collection("/api/v1/nodes");
    api.add_collection("/api/v1/namespaces/default/events");
    for (const auto* name : nodes) add_node(name);
  }
  void add_node(const std::string& name) {
    api.put("/api/v1/nodes",
            {{"apiVersion", "v1"},
             {"kind", "Node"},
             {"metadata", {{"name", name}, {"annotations", {{"somebody.else/key", "kept"}}}}},
             {"status", {{"conditions", nlohmann::json::array({ready()})}}}});
  }
  nlohmann::json& object(const std::string& name) { return api.objects("/api/v1/nodes").at(name); }
  // What the kubelet says.
  static nlohmann::json ready() {
    return {{"type", "Ready"},
            {"status", "True"},
            {"reason", "KubeletReady"},
            {"message", "kubelet is posting ready status"},
            {"lastHeartbeatTime", "2026-11-18T11:00:00Z"},
            {"lastTransitionTime", "2026-11-01T00:00:00Z"}};
  }
  // As another program would; null deletes.
  void annotate(const std::string& name, const nlohmann::json& changes) {
    object(name)["metadata"]["annotations"].merge_patch(changes);
    api.put("/api/v1/nodes", object(name));
  }
  // "True reason", or "(absent)".
  std::string condition(const std::string& node, const std::string& type) {
    const auto found = find_condition(node, type);
    if (found.is_null()) return "(absent)";
    return found["status"].get<std::string>() + " " + found["reason"].get<std::string>();
  }
  nlohmann::json find_condition(const std::string& node, const std::string& type) {
    for (const auto& condition : object(node)["status"]["conditions"]) {
      if (condition["type"] == type) return condition;
    }
    return {};
  }
  std::map<std::string, nlohmann::json>& events() {
    return api.objects("/api/v1/namespaces/default/events");
  }
  std::string annotation(const std::string& node, const std::string& key) {
    return object(node)["metadata"]["annotations"].value("npu.huawei.com/" + key, "(absent)");
  }
};

inline NpuReport one_chip(std::int64_t time_ms, double celsius) {
  NpuReport report{time_ms, time_ms, {{}}, {}};
  report.chips[0].hw_id = "0-0";
  report.chips[0].npu = 0;
  report.chips[0].state = NpuChip::State::ok;
  report.chips[0].celsius = celsius;
  return report;
}

}  // namespace godwit::test
