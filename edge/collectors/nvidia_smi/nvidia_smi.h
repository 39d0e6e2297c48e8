// Collector "nvidia_smi": discrete GPUs through NVIDIA's command line tool.
//
// The tool fails as a whole when it is asked for a field it does not know, so the fields are taken
// from its own list (--help-query-gpu), read once and again after a failure. Then two runs per
// collect(): the GPUs and the processes that use them, both within one deadline, since the tool can
// hang. After a failure twice as long a pause each time, up to five minutes; during it collect()
// repeats the failure without running anything.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

std::unique_ptr<Collector> make_nvidia_smi(const Host& host, const CollectorSettings& settings);

// Interval and deadline 10 s, command "nvidia-smi".
CollectorSettings nvidia_smi_defaults();

}  // namespace godwit
