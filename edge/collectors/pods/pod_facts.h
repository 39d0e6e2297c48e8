// What is known of the pods of a node apart from what they use: names, containers, requests,
// limits. From KubeEdge's MetaServer (a Kubernetes PodList in JSON, core/v1), or else from the log
// directories that the kubelet and edged keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/host.h"
#include "transport/result.h"

namespace godwit {

inline constexpr std::size_t max_pods = 250;
inline constexpr std::size_t max_pod_containers = 32;

// Cores and bytes; nothing where there is none or it is not known.
struct Resources {
  std::optional<double> cpu, memory;
};

struct ContainerFacts {
  std::string name;
  std::string id;  // 64 hexadecimal digits; empty: it does not run
  std::optional<double> restarts;
  Resources requests, limits;
};

struct PodFacts {
  std::string name_space, name;
  std::string uid;
  std::string cgroup_uid;  // static pods have another one there
  std::string node;        // empty: not known
  std::string phase;       // "Running"; empty: not known
  std::optional<bool> ready;
  std::optional<double> start_s;  // seconds since 1970
  std::vector<ContainerFacts> containers;
};

// Takes a PodList piece by piece and holds no more of it than one pod and the facts.
class PodListReader {
 public:
  // Error: no JSON, or a pod of more than max_pod_bytes.
  Status feed(std::string_view piece);
  // Pods of a list that was whole; of more than max_pods the first ones.
  Result<std::vector<PodFacts>> take();

  static constexpr std::size_t max_pod_bytes = 256U << 10;

 private:
  Status step(char c);
  Status open(char c);
  Status close();

  std::vector<PodFacts> pods_;
  std::string key_;   // of the outermost object, the last one
  std::string item_;  // the pod so far
  int depth_ = 0;
  bool in_items_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  bool complete_ = false;
};

// One pod's JSON. Error: it is no object, or has no namespace, name or uid that can be a label.
Result<PodFacts> parse_pod(std::string_view json);

// "100m", "0.5", "128Mi", "1G", "1e3" (apimachinery's resource.Quantity); nothing when it is none.
std::optional<double> parse_quantity(std::string_view text);

// From /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log and the names of the links
// /var/log/containers/<pod>_<namespace>_<container>-<id>.log. no_data: there are none.
Result<std::vector<PodFacts>> read_log_directories(const Host& host);

}  // namespace godwit
