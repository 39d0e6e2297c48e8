// The hand-kept list of collectors, in the order of `once`. test/edge/registry_test.cc compares it
// with the folder and with README.md, so a forgotten line fails.
#include <array>

#include "edge/collector.h"
#include "edge/collectors/jtop/jtop.h"
#include "edge/collectors/npu_smi/npu_smi.h"

namespace godwit {

// One maker per source file in this folder: a plain function, so that a static library keeps it.
// (begin makers)
// (end makers)

const std::vector<CollectorSpec>& collector_registry() {
  static const std::vector<CollectorSpec> registry = {
      // (begin specs)
      {"jtop",
       "/run/jtop.sock (jtop.service of jetson_stats)",
       false,
       {true, std::chrono::milliseconds(1000), std::chrono::milliseconds(5000), "/run/jtop.sock",
        "", 10},
       make_jtop},
      {"npu_smi", "npu-smi info", false, npu_smi_defaults(), make_npu_smi},
      // (end specs)
  };
  return registry;
}

}  // namespace godwit
