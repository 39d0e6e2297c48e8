// The name sets that there are, each defined in the file of its name. The order is that of the
// documentation; sets never depend on each other.
#pragma once

#include "transport/naming/name_set.h"

namespace godwit {

extern const NameSet node_names;
extern const NameSet jetson_gpu_names;
extern const NameSet jetson_names;
extern const NameSet dcgm_names;
extern const NameSet dcgm_hostname_names;
extern const NameSet npu_exporter_names;
extern const NameSet node_problem_detector_names;

}  // namespace godwit
