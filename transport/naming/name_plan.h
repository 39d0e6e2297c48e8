// NamePlan: what the series of a schema become under the chosen name sets. A pure function of the
// schema and the node's name; the relay works it out once per node and schema, the agent once per
// scrape of its /metrics.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/naming/name_set.h"

namespace godwit {

// A series that a set adds.
struct NamedSeries {
  Series series;  // without job, instance and the agent's pod
  const NameSet* set = nullptr;
  Formula formula;  // over the columns of the schema
};

struct NamePlan {
  // One per series of the schema: the set that adopts it, or nullptr. Empty when no set adopts.
  std::vector<const NameSet*> adopted;
  std::vector<NamedSeries> added;
  // namespace and pod of the agent, as its newest godwit_agent_info says; empty outside of
  // Kubernetes. For sets with own_pod.
  Labels own_pod;
};

// `schema` may be anything that is_valid(). The result refers to the tables alone.
NamePlan plan_names(std::span<const Series> schema, std::string_view node, const Naming& naming);

// The samples of one moment as `naming` shows them, for an exposition without target labels.
std::vector<Sample> rename_samples(std::vector<Sample> samples, std::string_view node,
                                   const Naming& naming);

}  // namespace godwit
