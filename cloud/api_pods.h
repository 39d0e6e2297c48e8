// Gathers the pods of one node from its readings. Used by api_node.cc.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cloud/api_model.h"

namespace godwit {

class PodGatherer {
 public:
  // container_* and kube_pod_* series; others are not for here.
  void add(const Reading& reading);
  // Pods that the node's last look at its pods saw.
  std::vector<PodMetrics> take(std::string_view node);

 private:
  struct Pod {
    PodMetrics metrics;
    std::int64_t seen_ms = INT64_MIN;
    bool has_own_usage = false;
    std::map<std::string, ContainerMetrics, std::less<>> containers;
  };
  static void add_resource(const Reading& reading, bool is_limit, Pod& pod);

  std::map<std::pair<std::string, std::string>, Pod> pods_;  // namespace, name
  std::int64_t seen_ms_ = INT64_MIN;
};

}  // namespace godwit
