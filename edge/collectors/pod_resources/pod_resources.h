// Collector "pod_resources": the devices that the kubelet gave to containers, asked for at its
// pod-resources socket. KubeEdge's edgecore has one from 1.22 on, where it is switched on.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

// Interval 30 s, deadline 5 s.
CollectorSettings pod_resources_defaults();
std::unique_ptr<Collector> make_pod_resources(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
