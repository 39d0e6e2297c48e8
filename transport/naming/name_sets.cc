#include "transport/naming/name_sets.h"

#include <algorithm>

#include "transport/naming/name_set.h"

namespace godwit {

std::span<const NameSet* const> all_name_sets() {
  // clang-format off
  static constexpr const NameSet* sets[] = {
      &node_names,
      &jetson_gpu_names,
      &jetson_names,
      &dcgm_names,
      &dcgm_hostname_names,
      &npu_exporter_names,
      &node_problem_detector_names,
  };
  // clang-format on
  return sets;
}

std::vector<std::string> naming_choices() {
  std::vector<std::string> choices = {"canonical"};
  for (const NameSet* set : all_name_sets()) choices.emplace_back(set->name);
  return choices;
}

Result<Naming> parse_naming(const std::vector<std::string>& items) {
  if (items.empty()) return Error{ErrorCode::invalid, "naming: at least one name set is needed"};
  const auto wanted = [&](std::string_view name) {
    return std::find(items.begin(), items.end(), name) != items.end();
  };
  Naming naming{.canonical = wanted("canonical")};
  for (const NameSet* set : all_name_sets()) {
    if (wanted(set->name)) naming.sets.push_back(set);
  }
  return naming;
}

}  // namespace godwit
