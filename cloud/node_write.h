// What is to change on one Node object: pure decisions, and the requests that carry them out.
//
// Several relays see the frames of one node in turn, so none of them may trust that what it wrote
// last still stands. The object itself is the common memory: its metrics-updated is the time of the
// reading that it shows. A relay reads the object, writes only what comes from a later reading, and
// names the resourceVersion that it has read, so that of two relays that write at one moment the
// API server refuses one (409), which then looks again. Nothing older ever replaces anything newer,
// and together the relays write no more often than one would. Readings that say nothing new renew
// the time after a third of stale_after, so that the others see that somebody has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cloud/kubernetes_client.h"
#include "cloud/node_annotations.h"
#include "cloud/node_conditions.h"
#include "cloud/node_view.h"

namespace godwit {

// How old the reading that an object shows must be before this relay calls it stale.
std::int64_t patience_ms(const NodeView& view, const NodeLimits& limits);

struct AnnotationDecision {
  std::optional<Annotations> write;  // nullopt: the object is right
  std::int64_t shown_ms = 0;         // time of the reading that it shows then; 0: of none
  bool is_stale = false;             // it says so then
};

// `present`: metadata.annotations of the object.
AnnotationDecision decide_annotations(const nlohmann::json& present, const NodeView& view,
                                      const NodeLimits& limits, std::int64_t now_wall_ms);

// What became of an object.
struct NodeDecision {
  AnnotationDecision annotations;
  ConditionDecision conditions;
  std::string uid;
};

struct NodeRequests {
  std::uint64_t requests = 0;
  std::uint64_t patches = 0;  // of them; those that changed the object
  std::uint64_t conflicts = 0;
};

// Reads the object and brings what `limits` wants of it in line; again after a conflict, a few
// times. Errors are the client's.
Result<NodeDecision> write_node(KubernetesClient& client, const std::string& node,
                                const NodeView& view, const NodeLimits& limits,
                                std::int64_t now_wall_ms, NodeRequests& counts);

// A name that a Node object can have (DNS subdomain), so that it may be part of a path.
bool is_node_name(std::string_view name);

}  // namespace godwit
