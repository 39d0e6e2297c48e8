// Node conditions from what a node says of its problems, and the Events that tell of changes. Pure.
//
// lastHeartbeatTime is the time of the reading, which is also how several relays agree, as in
// node_write.h: all conditions of ours have one heartbeat, and nothing replaces a later one. So
// condition EdgeTelemetryStale, which every node has whose frames come, tells the others that
// somebody gets them. lastTransitionTime is when the node says that the status changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cloud/node_view.h"

namespace godwit {

inline constexpr std::string_view stale_condition = "EdgeTelemetryStale";

struct ConditionChange {
  std::string type, status, reason, message;
  std::int64_t time_ms = 0;

  bool operator==(const ConditionChange&) const = default;
};

struct ConditionDecision {
  std::vector<nlohmann::json> write;     // entries of a strategic-merge patch; empty: all is right
  std::vector<ConditionChange> changes;  // of status or reason, worth an Event
  std::int64_t shown_ms = 0;             // heartbeat that the object shows then; 0: none of ours
  bool is_stale = false;
};

// `present`: status.conditions of the object.
ConditionDecision decide_conditions(const nlohmann::json& present, const NodeView& view,
                                    const NodeLimits& limits, std::int64_t now_wall_ms);

// How old the heartbeat that an object shows must be before this relay calls the node stale.
std::int64_t condition_patience_ms(const NodeView& view, const NodeLimits& limits);

}  // namespace godwit
