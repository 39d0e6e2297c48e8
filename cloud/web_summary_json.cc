#include <cmath>

#include "cloud/web_summary.h"

namespace godwit {
namespace {

void write_optional(JsonWriter& json, std::string_view key, const auto& value) {
  json.key(key);
  if (value) {
    json.value(*value);
  } else {
    json.null();
  }
}

void write_problems(JsonWriter& json, const std::vector<WebProblem>& problems) {
  json.key("problems");
  json.begin_array();
  for (const auto& problem : problems) {
    json.begin_object();
    json.member("type", problem.type);
    json.member("reason", problem.reason);
    json.member("message", problem.message);
    json.member("severity", problem.is_critical ? "critical" : "warning");
    write_optional(json, "since_ms", problem.since_ms);
    json.end_object();
  }
  json.end_array();
}

void write_backlog(JsonWriter& json, const WebBacklog& backlog) {
  json.key("backlog");
  json.begin_object();
  write_optional(json, "samples", backlog.samples);
  json.member("ticks", backlog.ticks);
  write_rounded(json, "age_s", backlog.age_s, 0);
  json.member("catching_up", backlog.catching_up);
  write_rounded(json, "progress", backlog.progress, 3);
  write_rounded(json, "left_s", backlog.left_s, 0);
  json.end_object();
}

}  // namespace

void write_rounded(JsonWriter& json, std::string_view key, std::optional<double> value,
                   int decimals) {
  json.key(key);
  if (!value) return json.null();
  const double scale = std::pow(10, decimals);
  const double rounded = std::round(*value * scale) / scale;
  json.value(std::isfinite(rounded) ? rounded : *value);
}

void write_summary(JsonWriter& json, const WebSummary& summary) {
  json.begin_object();
  json.member("name", summary.name);
  json.member("kind", summary.kind);
  json.member("model", summary.model);
  json.key("labels");
  json.begin_object();
  for (const auto& [name, value] : summary.labels) json.member(name, value);
  json.end_object();
  json.member("online", summary.online);
  write_optional(json, "since_ms", summary.since_ms);
  write_optional(json, "heard_ms", summary.heard_ms);
  json.member("version", summary.version);
  json.member("health", summary.health);
  write_problems(json, summary.problems);
  json.member("accelerators", summary.accelerators);
  write_rounded(json, "utilization", summary.utilization, 3);
  write_rounded(json, "memory", summary.memory, 3);
  write_rounded(json, "temperature", summary.temperature, 1);
  write_rounded(json, "power", summary.power, 1);
  write_rounded(json, "cpu", summary.cpu, 3);
  write_rounded(json, "ram", summary.ram, 3);
  write_backlog(json, summary.backlog);
  json.member("clock", summary.clock);
  json.key("link");
  json.begin_object();
  write_rounded(json, "bytes_today", summary.bytes_today, 0);
  write_rounded(json, "cap_bytes", summary.cap_bytes, 0);
  write_rounded(json, "rtt_s", summary.rtt_s, 4);
  json.end_object();
  json.end_object();
}

}  // namespace godwit
