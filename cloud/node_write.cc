#include "cloud/node_write.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;

constexpr int max_tries = 4;
constexpr std::int64_t max_future_ms = 300'000;
// A relay that never heard of a node's NPUs leaves them to the others for so much longer while the
// node is online: somebody gets its frames.
constexpr std::int64_t patience_for_others = 3;
// Times in annotations are whole seconds.
constexpr std::int64_t tolerance_ms = 500;

std::string text_of(const json& present, std::string_view key) {
  const auto found = present.find(std::string(key));
  return found != present.end() && found->is_string() ? found->get<std::string>() : "";
}

// Time of the reading that the object shows, 0 for none. A time ahead of now is nobody's reading.
std::int64_t shown_time(const json& present, std::int64_t now_wall_ms) {
  const auto shown = parse_seconds(text_of(present, annotation::updated));
  return shown && *shown <= now_wall_ms + max_future_ms ? *shown : 0;
}

// What of `wanted` the object does not say yet.
Annotations differences(const json& present, const Annotations& wanted) {
  Annotations out;
  for (const auto& [key, value] : wanted) {
    const auto found = present.find(key);
    const bool same = value ? found != present.end() && *found == *value : found == present.end();
    if (!same) out.emplace(key, value);
  }
  return out;
}

// Whether a fresh report is worth a write.
bool is_due(const json& present, const NpuReport& report, std::int64_t shown_ms,
            const NodeLimits& limits) {
  const std::int64_t newer_ms = report.time_ms - shown_ms;
  if (text_of(present, annotation::health).empty()) return newer_ms >= 0;  // it was removed
  if (newer_ms < limits.min_interval_ms - tolerance_ms) return false;
  if (newer_ms >= limits.stale_after_ms / 3) return true;
  NpuReport same_time = report;
  same_time.time_ms = shown_ms;
  return !differences(present, annotate(same_time)).empty();
}

json member(const json& object, const char* key) {
  return object.is_object() ? object.value(key, json()) : json();
}

json to_json(const Annotations& changes) {
  json out = json::object();
  for (const auto& [key, value] : changes) out[key] = value ? json(*value) : json();
  return out;
}

// Refused (409) when the object is not any more what was read.
Result<json> patch(KubernetesClient& client, const std::string& path, const json& read, json change,
                   NodeRequests& counts) {
  const json version = member(member(read, "metadata"), "resourceVersion");
  if (version.is_string()) change["metadata"]["resourceVersion"] = version;
  ++counts.requests;
  auto done = client.patch(path, "strategic-merge-patch", change);
  if (done) ++counts.patches;
  return done;
}

NodeDecision decide(const json& object, const NodeView& view, const NodeLimits& limits,
                    std::int64_t now_wall_ms) {
  NodeDecision out;
  const json metadata = member(object, "metadata");
  const json uid = member(metadata, "uid");
  if (uid.is_string()) out.uid = uid.get<std::string>();
  if (limits.annotations) {
    json present = member(metadata, "annotations");
    if (!present.is_object()) present = json::object();
    out.annotations = decide_annotations(present, view, limits, now_wall_ms);
  }
  if (limits.conditions) {
    const json present = member(member(object, "status"), "conditions");
    out.conditions = decide_conditions(present, view, limits, now_wall_ms);
  }
  return out;
}

}  // namespace

std::int64_t patience_ms(const NodeView& view, const NodeLimits& limits) {
  const bool is_anothers = !view.report && view.online;
  return limits.stale_after_ms * (is_anothers ? patience_for_others : 1);
}

AnnotationDecision decide_annotations(const json& present, const NodeView& view,
                                      const NodeLimits& limits, std::int64_t now_wall_ms) {
  AnnotationDecision out;
  out.shown_ms = shown_time(present, now_wall_ms);
  const std::int64_t own_ms = view.report ? view.report->time_ms : 0;
  if (own_ms > 0 && now_wall_ms - own_ms < limits.stale_after_ms) {
    if (!is_due(present, *view.report, out.shown_ms, limits)) return out;
    out.write = annotate(*view.report);
    out.shown_ms = own_ms;
  } else {
    const bool is_ours = out.shown_ms > 0 || own_ms > 0 || present.contains(annotation::health);
    if (!is_ours || now_wall_ms - out.shown_ms < patience_ms(view, limits)) return out;
    out.is_stale = true;
    out.shown_ms = std::max(out.shown_ms, own_ms);
    out.write = annotate_stale(out.shown_ms);
  }
  out.write = differences(present, *out.write);
  if (out.write->empty()) out.write.reset();
  return out;
}

Result<NodeDecision> write_node(KubernetesClient& client, const std::string& node,
                                const NodeView& view, const NodeLimits& limits,
                                std::int64_t now_wall_ms, NodeRequests& counts) {
  const std::string path = concat("/api/v1/nodes/", node);
  Error conflict;
  for (int i = 0; i < max_tries; ++i) {
    ++counts.requests;
    auto object = client.get(path);
    if (!object) return object.error();
    NodeDecision decision = decide(*object, view, limits, now_wall_ms);
    if (decision.annotations.write) {
      object =
          patch(client, path, *object,
                {{"metadata", {{"annotations", to_json(*decision.annotations.write)}}}}, counts);
    }
    if (object && !decision.conditions.write.empty()) {
      object = patch(client, concat(path, "/status"), *object,
                     {{"status", {{"conditions", decision.conditions.write}}}}, counts);
    }
    if (object) return decision;
    if (client.last_status() != 409) return object.error();
    ++counts.conflicts;
    conflict = object.error();
  }
  return Error{ErrorCode::unavailable, conflict.message};
}

bool is_node_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 253 && plain(name.front()) && plain(name.back()) &&
         name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

}  // namespace godwit
