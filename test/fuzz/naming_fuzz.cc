// Name sets on any schema: a plan stays within the schema's columns and in size, gives valid
// series, none twice in one set, and can be evaluated whatever the values are.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <set>

#include "transport/naming/name_plan.h"
#include "transport/schema.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto part = decode_schema({reinterpret_cast<const char*>(data), size});
  if (!part) return 0;
  const auto all = all_name_sets();
  const NamePlan plan =
      plan_names(part->added, "edge-1", {.canonical = true, .sets = {all.begin(), all.end()}});
  std::set<std::pair<const NameSet*, std::string>> seen;
  for (const auto& [series, set, formula] : plan.added) {
    if (!is_valid(series) || !seen.emplace(set, format_series(series)).second) std::abort();
    if (formula.others_at > formula.inputs.size()) std::abort();
    for (const double value : {0.0, absent, std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity(), -1e300}) {
      static_cast<void>(evaluate(formula, [&](std::uint32_t column) {
        if (column >= part->added.size()) std::abort();
        return value;
      }));
    }
  }
  return 0;
}
