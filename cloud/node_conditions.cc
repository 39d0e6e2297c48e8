#include "cloud/node_conditions.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cloud/node_annotations.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;

constexpr std::int64_t max_future_ms = 300'000;

std::string text_of(const json& condition, const char* key) {
  if (!condition.is_object()) return "";
  const auto found = condition.find(key);
  return found != condition.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t time_of(const json& condition, const char* key) {
  return parse_seconds(text_of(condition, key)).value_or(0);
}

// The object's condition of that type; null when it has none.
const json& find(const json& present, std::string_view type) {
  static const json none;
  if (!present.is_array()) return none;
  for (const auto& condition : present) {
    if (text_of(condition, "type") == type) return condition;
  }
  return none;
}

bool same(const json& condition, const Problem& wanted) {
  return text_of(condition, "status") == wanted.status &&
         text_of(condition, "reason") == wanted.reason &&
         text_of(condition, "message") == wanted.message;
}

// A time of the node's counts when it is later than what the object has: the status may have
// changed and changed back meanwhile. A node that was Unknown to us became known just now.
std::int64_t transition(const json& condition, const Problem& wanted, std::int64_t heartbeat_ms) {
  const std::int64_t known_ms = time_of(condition, "lastTransitionTime");
  const bool dated = wanted.since_ms > 0 && wanted.since_ms <= heartbeat_ms + max_future_ms;
  if (dated && wanted.since_ms / 1000 > known_ms / 1000) return wanted.since_ms;
  const bool unchanged = text_of(condition, "status") == wanted.status && known_ms > 0;
  return unchanged ? known_ms : heartbeat_ms;
}

void add(const json& present, const Problem& wanted, std::int64_t heartbeat_ms,
         ConditionDecision& out) {
  const json& known = find(present, wanted.type);
  const std::int64_t since_ms = transition(known, wanted, heartbeat_ms);
  out.write.push_back({{"type", wanted.type},
                       {"status", wanted.status},
                       {"reason", wanted.reason},
                       {"message", wanted.message},
                       {"lastHeartbeatTime", format_seconds(heartbeat_ms)},
                       {"lastTransitionTime", format_seconds(since_ms)}});
  // That a new node is well is no event.
  const std::string before = known.is_null() ? "False" : text_of(known, "status");
  const bool other_reason =
      !known.is_null() && wanted.status != "False" && text_of(known, "reason") != wanted.reason;
  if (before == wanted.status && !other_reason) return;
  out.changes.push_back({wanted.type, wanted.status, wanted.reason, wanted.message, since_ms});
}

// Ours are those that were written together with the one that nobody else writes.
std::vector<std::string> own_types(const json& present) {
  const std::string heartbeat = text_of(find(present, stale_condition), "lastHeartbeatTime");
  std::vector<std::string> types;
  for (const auto& type : problem_types()) {
    const json& condition = find(present, type.type);
    const bool ours = !heartbeat.empty() && text_of(condition, "lastHeartbeatTime") == heartbeat;
    if (ours) types.emplace_back(type.type);
  }
  return types;
}

void decide_fresh(const json& present, const NodeView& view, const NodeLimits& limits,
                  ConditionDecision& out) {
  const auto& told = view.problems;
  const bool is_told = told && view.live_ms - told->time_ms < limits.stale_after_ms;
  auto gone = own_types(present);
  // Not every frame tells of problems: those of a node that is new to this relay may come yet.
  if (!is_told && !gone.empty() && view.live_ms - view.since_ms < limits.stale_after_ms) return;
  const std::int64_t time_ms = is_told ? told->time_ms : view.live_ms;
  if (time_ms / 1000 <= out.shown_ms / 1000) return;

  std::vector<Problem> wanted = is_told ? told->problems : std::vector<Problem>();
  wanted.push_back(
      {std::string(stale_condition), "False", "TelemetryIsFresh", "the node's readings arrive", 0});
  std::erase_if(gone, [&](const std::string& type) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const Problem& problem) { return problem.type == type; });
  });
  const bool is_news =
      !gone.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const Problem& one) {
        return !same(find(present, one.type), one);
      });
  // The reading is a little older than the heartbeat that is due.
  if (!is_news && time_ms - out.shown_ms < limits.heartbeat_ms * 9 / 10) return;
  for (const auto& problem : wanted) add(present, problem, time_ms, out);
  for (const auto& type : gone) out.write.push_back({{"$patch", "delete"}, {"type", type}});
  out.shown_ms = time_ms;
}

void decide_stale(const json& present, const NodeView& view, std::int64_t now_wall_ms,
                  ConditionDecision& out) {
  std::vector<Problem> wanted;
  for (const auto& type : own_types(present)) {
    wanted.push_back({type, "Unknown", "TelemetryStale", "the node's readings do not arrive", 0});
  }
  wanted.push_back({std::string(stale_condition), "True",
                    view.online ? "NoFreshReadings" : "NodeOffline",
                    view.online ? "the agent is connected, but no fresh readings of it arrive"
                                : "the agent is not connected",
                    0});
  out.is_stale = true;
  const bool is_news = std::any_of(wanted.begin(), wanted.end(), [&](const Problem& one) {
    return !same(find(present, one.type), one);
  });
  if (!is_news) return;
  for (const auto& problem : wanted) add(present, problem, now_wall_ms, out);
  out.shown_ms = now_wall_ms;
}

}  // namespace

std::int64_t condition_patience_ms(const NodeView& view, const NodeLimits& limits) {
  // Who is online may be heard by another relay, which shows it once per heartbeat.
  return limits.stale_after_ms + (view.online ? limits.heartbeat_ms : 0);
}

ConditionDecision decide_conditions(const json& present, const NodeView& view,
                                    const NodeLimits& limits, std::int64_t now_wall_ms) {
  ConditionDecision out;
  out.shown_ms = time_of(find(present, stale_condition), "lastHeartbeatTime");
  if (out.shown_ms > now_wall_ms + max_future_ms) out.shown_ms = 0;
  if (view.live_ms > 0 && now_wall_ms - view.live_ms < limits.stale_after_ms) {
    decide_fresh(present, view, limits, out);
    return out;
  }
  const bool is_stale = text_of(find(present, stale_condition), "status") == "True";
  if (find(present, stale_condition).is_null()) return out;
  const std::int64_t newest_ms = std::max(out.shown_ms, view.live_ms);
  if (is_stale || now_wall_ms - newest_ms >= condition_patience_ms(view, limits)) {
    decide_stale(present, view, now_wall_ms, out);
  }
  return out;
}

}  // namespace godwit
