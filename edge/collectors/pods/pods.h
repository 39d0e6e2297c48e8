// Collector `pods`: CPU time, memory, restarts, requests, limits and phase of each pod and
// container of the node, with the names of cAdvisor and kube-state-metrics.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

CollectorSettings pods_defaults();
std::unique_ptr<Collector> make_pods(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
