#include "cloud/node_summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "cloud/api_model.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Health = NodeSummary::Health;

Health health_of(std::string_view state) {
  if (state == "failed") return Health::failed;
  if (state == "degraded") return Health::degraded;
  return state == "ok" ? Health::ok : Health::unknown;
}

double share(std::int64_t part, std::int64_t all) {
  return static_cast<double>(part) / static_cast<double>(all);
}

// The node's own words, and what describe_node() does not tell.
class Gatherer {
 public:
  explicit Gatherer(NodeSummary& out) : out_(out) {}

  void add(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string_view name = series.name;
    if (name.starts_with("hw_")) return add_hardware(reading);
    if (name == "node_cpu_seconds_total" && std::isfinite(reading.rate)) has_cpu_ = true;
    if (name == "node_uname_info") machine_ = label_value(series, "machine");
    if (!name.starts_with("godwit_")) return;
    if (name == "godwit_board_info") board_ = label_value(series, "module");
    if (name == "godwit_board_info" && board_.empty()) board_ = label_value(series, "model");
    if (name == "godwit_buffer_ticks") out_.backlog_ticks = to_count(reading.value);
    if (name == "godwit_buffer_oldest_age_seconds") out_.backlog_seconds = reading.value;
    if (name == "godwit_link_day_bytes")
      out_.day_bytes = out_.day_bytes.value_or(0) + reading.value;
    if (name == "godwit_agent_info" && out_.version.empty()) {
      out_.version = label_value(series, "version");
    }
    if (name == "godwit_clock_state" && reading.value == 1 && out_.clock.empty()) {
      out_.clock = label_value(series, "state");
    }
    if (name == "godwit_problem" && reading.value == 1) problems_.push_back(&reading);
    if (name == "godwit_problem")
      newest_problem_ms_ = std::max(newest_problem_ms_, reading.time_ms);
    if (name == "godwit_problem_info") messages_[label_value(series, "type")] = &reading;
  }

  void finish(const NodeMetrics& node) {
    add_figures(node);
    for (const Reading* reading : problems_) {
      // A problem whose reason changed goes on as another series: the old one is past.
      if (reading->time_ms < newest_problem_ms_) continue;
      const auto type = label_value(*reading->series, "type");
      const auto message = messages_.find(type);
      out_.problems.push_back(concat(type, ": ",
                                     message == messages_.end()
                                         ? label_value(*reading->series, "reason")
                                         : label_value(*message->second->series, "message")));
    }
    if (!board_.empty()) {
      out_.kind = board_;
    } else if (const auto& models = npus_.empty() ? gpus_ : npus_; !models.empty()) {
      const auto& [model, count] = *models.begin();
      out_.kind = count > 1 ? concat(count, "× ", model) : model;
    } else {
      out_.kind = machine_;
    }
    if (!out_.watts && has_watts_) out_.watts = watts_;
  }

 private:
  void add_figures(const NodeMetrics& node) {
    for (const auto& gpu : node.gpus) {
      out_.utilization = std::max(out_.utilization.value_or(0), gpu.usage / 100);
      if (gpu.memory_total <= 0) continue;
      out_.memory = std::max(out_.memory.value_or(0), share(gpu.memory_used, gpu.memory_total));
    }
    if (!out_.utilization && has_cpu_) out_.utilization = node.cpu_rate / 100;
    if (!out_.memory && node.memory_capacity > 0) out_.memory = node.memory_rate / 100;
    const auto custom = [&](const char* name) -> std::optional<double> {
      const auto found = node.custom.find(name);
      return found == node.custom.end() ? std::nullopt : std::optional(found->second);
    };
    out_.celsius = custom("temperature_celsius_max");
    out_.watts = custom("power_watts");
  }

  static std::uint64_t to_count(double value) {
    return value >= 0 && value < 1e15 ? static_cast<std::uint64_t>(value) : 0;
  }

  void add_hardware(const Reading& reading) {
    const Series& series = *reading.series;
    const auto type = label_value(series, "hw_type");
    if (series.name == "hw_status" && reading.value == 1) {
      out_.health = std::max(out_.health, health_of(label_value(series, "hw_state")));
    }
    if (series.name == "hw_npu_info") {
      ++npus_[concat("Ascend ", label_value(series, "hw_name"))];
    }
    if (series.name == "hw_gpu_info") {
      const auto model = label_value(series, "hw_model");
      ++gpus_[std::string(model.empty() ? label_value(series, "hw_name") : model)];
    }
    if (series.name == "hw_power_watts" && (type == "gpu" || type == "npu")) {
      watts_ += reading.value;
      has_watts_ = true;
    }
  }

  NodeSummary& out_;
  std::string board_, machine_;
  std::map<std::string, int> gpus_, npus_;  // by model
  std::vector<const Reading*> problems_;
  std::map<std::string_view, const Reading*> messages_;  // by type
  std::int64_t newest_problem_ms_ = 0;
  double watts_ = 0;
  bool has_watts_ = false;
  bool has_cpu_ = false;  // how busy, and not only how many
};

}  // namespace

std::string_view health_name(Health health) {
  static constexpr std::array<std::string_view, 5> names = {"", "ok", "unknown", "degraded",
                                                            "failed"};
  return names[static_cast<std::size_t>(health)];
}

NodeSummary summarize(std::string_view name, const NodePresence& presence,
                      const NodeReadings* readings) {
  NodeSummary out;
  out.name = name;
  out.version = presence.version;
  out.online = presence.online;
  out.since_ms = presence.since_ms;
  out.backlog_ticks = presence.backlog_ticks;
  out.catching_up = presence.online && presence.catching_up;
  out.clock = presence.clock;
  out.link = presence.link;
  if (readings == nullptr) return out;
  out.last_reading_ms = readings->newest_ms;
  Gatherer gatherer(out);
  for (const auto& reading : readings->readings) {
    if (reading.time_ms != INT64_MIN) gatherer.add(reading);
  }
  gatherer.finish(describe_node(*readings, Moment::past, 0).node);
  return out;
}

}  // namespace godwit
