// What the pods of a node use, by their control groups: cgroup v1 and v2, made by the kubelet or
// KubeEdge's edged with the systemd or the cgroupfs driver
// (kubernetes/pkg/kubelet/cm/cgroup_manager_linux.go and pod_container_manager_linux.go).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/collectors/pods/pod_facts.h"
#include "edge/host.h"
#include "transport/result.h"

namespace godwit {

struct CgroupUsage {
  std::optional<double> cpu_s;         // since its beginning
  std::optional<double> memory_bytes;  // working set, as the kubelet and cAdvisor count it
  Resources limits;
};

struct ContainerCgroup {
  std::string id;
  CgroupUsage usage;
};

struct PodCgroup {
  std::string uid;
  CgroupUsage usage;
  std::vector<ContainerCgroup> containers;  // the pod's sandbox among them
};

// At most max_pods, by uid. no_data: there is no tree of pods.
Result<std::vector<PodCgroup>> read_pod_cgroups(const Host& host);

// The uid in "kubepods-burstable-pod0f1e_..._9.slice" or "pod0f1e-...-9", with '-'; empty: none.
std::string pod_uid_of(std::string_view directory);
// The id in "cri-containerd-<id>.scope", "docker-<id>.scope", "crio-<id>.scope", "crio-<id>" or
// "<id>".
std::string_view container_id_of(std::string_view directory);

// The id of the container that a process runs in, as /proc/<pid>/cgroup says (v1 or v2; the paths
// may be relative to the reader's own control group: "/../../<...>"); of several the outermost.
// Empty: none.
std::string container_of_process(std::string_view cgroup);

}  // namespace godwit
