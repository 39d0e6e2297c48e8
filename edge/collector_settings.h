// The collectors.<name>.* settings of godwit-agent. Used by agent_settings.cc.
#pragma once

#include <chrono>
#include <vector>

#include "edge/collector.h"
#include "transport/settings.h"

namespace godwit {

void add_collector_settings(const CollectorSpec& spec, std::vector<Setting>& table);
// `interval`: what collectors have whose own is not set. Not filled in: node, broker.
CollectorSettings finalise_collector(const Settings& settings, const CollectorSpec& spec,
                                     std::chrono::milliseconds interval);

}  // namespace godwit
