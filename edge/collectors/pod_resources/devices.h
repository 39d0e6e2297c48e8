// Which devices the kubelet gave to which containers: the answer of v1.PodResourcesLister/List
// (kubelet/pkg/apis/podresources/v1/api.proto; the messages: test/peers/pod_resources.proto).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct PodDevice {
  std::string resource;  // "nvidia.com/gpu"
  std::string id;        // "GPU-...", "GPU-...::3", "tegra", "Ascend310P-0"
  std::string name_space, pod, container;
};

inline constexpr std::size_t max_pod_devices = 256;

// GPUs and NPUs only, and of those the first max_pod_devices. Error: no such message.
Result<std::vector<PodDevice>> parse_pod_devices(std::string_view answer);

}  // namespace godwit
