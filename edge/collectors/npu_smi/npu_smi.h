// Collector "npu_smi": Huawei Ascend NPUs through the vendor's command line tool.
//
// The tool takes seconds, may hang, and must not run twice at once. So: one run of `npu-smi info`
// per collect(), killed at the deadline; at most one further question after it, if time is left
// (ids of -m once; fault codes of a chip that is not OK; card power where the table has none);
// after a failure twice as long a pause each time, up to five minutes. During the pause collect()
// repeats the failure without running anything.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

std::unique_ptr<Collector> make_npu_smi(const Host& host, const CollectorSettings& settings);

// Interval 10 s, deadline 15 s, command "npu-smi".
CollectorSettings npu_smi_defaults();

}  // namespace godwit
