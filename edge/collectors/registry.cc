// The hand-kept list of collectors, in the order of `once`. test/edge/registry_test.cc compares it
// with the folder and with README.md, so a forgotten line fails.
#include <array>

#include "edge/collector.h"

namespace godwit {

// One maker per source file in this folder: a plain function, so that a static library keeps it.
// (begin makers)
// (end makers)

const std::vector<CollectorSpec>& collector_registry() {
  static const std::vector<CollectorSpec> registry = {
      // (begin specs)
      // (end specs)
  };
  return registry;
}

}  // namespace godwit
