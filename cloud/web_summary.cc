#include "cloud/web_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cloud/api_model.h"
#include "transport/text.h"

namespace godwit {
namespace {

struct Device {
  std::optional<double> utilization;
  bool has_exact_utilization = false;
  std::optional<double> used, total;  // bytes
  std::string_view state;             // of hw_status
};

struct Told {
  std::string_view text;
  std::int64_t time_ms = INT64_MIN;
  void tell(std::string_view told, std::int64_t at_ms) {
    if (told.empty() || at_ms < time_ms) return;
    text = told;
    time_ms = at_ms;
  }
};

void raise(std::optional<double>& to, double value) {
  if (!to || value > *to) to = value;
}
void sum(std::optional<double>& to, double value) { to = to.value_or(0) + value; }

class Gatherer {
 public:
  explicit Gatherer(WebSummary& out) : out_(out) {}

  void add(const Reading& reading) {
    const std::string_view name = reading.series->name;
    if (name.starts_with("hw_")) {
      add_hardware(reading);
    } else if (name.starts_with("godwit_")) {
      add_own(reading);
    } else if (name.starts_with("node_")) {
      add_host(reading);
    }
  }

  void finish() {
    out_.accelerators = devices_.size();
    out_.kind = has_npu_ ? "ascend" : is_jetson_ ? "jetson" : devices_.empty() ? "host" : "gpu";
    const std::string_view model = board_.text.empty() ? model_.text : board_.text;
    if (has_npu_ && !model.starts_with("Ascend")) {
      out_.model = model.empty() ? "" : concat("Ascend ", model);
    } else {
      out_.model = model.starts_with("NVIDIA ") ? model.substr(7) : model;
    }
    finish_devices();
    if (idle_ && cores_ > 0) out_.cpu = std::clamp(1 - *idle_ / cores_, 0.0, 1.0);
    if (memory_total_ && memory_available_ && *memory_total_ > 0) {
      out_.ram = std::clamp(1 - *memory_available_ / *memory_total_, 0.0, 1.0);
    }
    if (!out_.temperature) out_.temperature = zone_celsius_;
    out_.power = board_watts_ ? board_watts_ : device_watts_;
    finish_problems();
  }

 private:
  void add_host(const Reading& reading) {
    const Series& series = *reading.series;
    if (series.name == "node_cpu_seconds_total") {
      const auto mode = label_value(series, "mode");
      if (mode == "idle") ++cores_;
      if ((mode == "idle" || mode == "iowait") && !std::isnan(reading.rate)) {
        sum(idle_, reading.rate);
      }
    } else if (series.name == "node_memory_MemTotal_bytes") {
      memory_total_ = reading.value;
    } else if (series.name == "node_memory_MemAvailable_bytes") {
      memory_available_ = reading.value;
    } else if (series.name == "node_thermal_zone_temp" ||
               series.name == "node_hwmon_temp_celsius") {
      raise(zone_celsius_, reading.value);
    } else if (series.name == "node_uname_info") {
      out_.labels["arch"] = label_value(series, "machine");
      out_.labels["os"] = to_lower(label_value(series, "sysname"));
    }
  }

  void add_hardware(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string_view name = series.name;
    const auto type = label_value(series, "hw_type");
    const bool of_device = type == "gpu" || type == "npu";
    if (name == "hw_host_power_watts") board_watts_ = reading.value;
    if (name == "hw_temperature_celsius") raise(out_.temperature, reading.value);
    if (!of_device) return;
    if (name == "hw_power_watts") return sum(device_watts_, reading.value);
    const bool tells_of_one = name.ends_with("_info") || name == "hw_status" ||
                              name.ends_with("_utilization_ratio") ||
                              name.find("_memory_") != std::string_view::npos;
    if (!tells_of_one) return;
    Device& one = devices_[concat(type, "/", label_value(series, "hw_id"))];
    has_npu_ = has_npu_ || type == "npu";
    if (name.ends_with("_info")) {
      const auto model = label_value(series, "hw_model");
      model_.tell(model.empty() ? label_value(series, "hw_name") : model, reading.time_ms);
      driver_.tell(label_value(series, "hw_driver_version"), reading.time_ms);
    } else if (name == "hw_status") {
      if (reading.value == 1) one.state = label_value(series, "hw_state");
    } else if (name.ends_with("_utilization_ratio")) {
      add_utilization(reading, one);
    } else if (name.ends_with("_memory_usage_bytes") || name.ends_with("_memory_limit_bytes")) {
      // Chips with HBM have it beside other memory.
      auto& to = name.ends_with("_usage_bytes") ? one.used : one.total;
      if (!to || label_value(series, "hw_memory_type") == "hbm") to = reading.value;
    }
  }

  // The general figure, or the AI cores', goes before those of other units.
  static void add_utilization(const Reading& reading, Device& one) {
    const auto gpu_task = label_value(*reading.series, "hw_gpu_task");
    const auto npu_task = label_value(*reading.series, "hw_npu_task");
    const bool is_exact =
        npu_task == "aicore" || (npu_task.empty() && (gpu_task.empty() || gpu_task == "general"));
    if (one.has_exact_utilization && !is_exact) return;
    one.has_exact_utilization = is_exact;
    one.utilization = reading.value;
  }

  void add_own(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string_view name = series.name;
    if (name.starts_with("godwit_problem")) {
      if (name == "godwit_problems_total") return;
      problems_ms_ = std::max(problems_ms_, reading.time_ms);
      problems_.push_back(&reading);
    } else if (name == "godwit_board_info") {
      is_jetson_ = true;
      const auto module = label_value(series, "module");
      board_.tell(module.empty() ? label_value(series, "model") : module, reading.time_ms);
    } else if (name == "godwit_agent_info") {
      agent_.tell(label_value(series, "version"), reading.time_ms);
      out_.version = agent_.text;
    } else if (name == "godwit_clock_state") {
      if (reading.value != 1) return;
      const auto state = label_value(series, "state");
      out_.clock = state == "synchronised" || state == "relay" ? "synchronized" : "unsynchronized";
    } else if (name == "godwit_link_day_bytes") {
      sum(out_.bytes_today, reading.value);
    } else if (name == "godwit_link_day_limit_bytes") {
      out_.cap_bytes = reading.value;
    } else if (name == "godwit_link_rtt_seconds") {
      out_.rtt_s = reading.value;
    }
  }

  void finish_devices() {
    std::optional<double> busy, used, total;
    std::size_t told = 0;
    bool unknown = false;
    for (const auto& [id, one] : devices_) {
      if (one.utilization) {
        sum(busy, *one.utilization);
        ++told;
      }
      if (one.used && one.total && *one.total > 0) {
        sum(used, *one.used);
        sum(total, *one.total);
      }
      failed_ = failed_ || one.state == "failed";
      degraded_ = degraded_ || one.state == "degraded";
      unknown = unknown || one.state == "unknown";
    }
    if (busy) out_.utilization = std::clamp(*busy / static_cast<double>(told), 0.0, 1.0);
    if (used) out_.memory = std::clamp(*used / *total, 0.0, 1.0);
    out_.health = unknown ? "unknown" : "ok";
  }

  // What is not in the newest tick of them has ended (edge/HEALTH.md).
  void finish_problems() {
    std::map<std::string_view, WebProblem> present;
    std::map<std::string_view, double> since;
    for (const Reading* reading : problems_) {
      if (reading->time_ms != problems_ms_) continue;
      const Series& series = *reading->series;
      const auto type = label_value(series, "type");
      if (series.name == "godwit_problem_transition_timestamp_seconds") {
        since[type] = reading->value;
      } else if (series.name == "godwit_problem" && reading->value == 1) {
        WebProblem& problem = present[type];
        problem.type = type;
        problem.reason = label_value(series, "reason");
      } else if (series.name == "godwit_problem_info") {
        present[type].message = label_value(series, "message");
      }
    }
    for (auto& [type, problem] : present) {
      if (problem.type.empty()) continue;  // cannot be told
      for (const std::string_view word : {"Missing", "Failed", "Hung", "Multiple"}) {
        problem.is_critical = problem.is_critical || problem.reason.find(word) != std::string::npos;
      }
      const auto told = since.find(type);
      if (told != since.end() && told->second > 0 && told->second < 1e11) {
        problem.since_ms = std::llround(told->second * 1000);
      }
      failed_ = failed_ || problem.is_critical;
      degraded_ = true;
      out_.problems.push_back(std::move(problem));
    }
    if (failed_ || degraded_) out_.health = failed_ ? "critical" : "warning";
  }

  WebSummary& out_;
  std::map<std::string, Device> devices_;  // by type and id
  Told board_, model_, driver_, agent_;
  bool has_npu_ = false, is_jetson_ = false, failed_ = false, degraded_ = false;
  double cores_ = 0;
  std::optional<double> idle_, memory_total_, memory_available_, zone_celsius_, board_watts_,
      device_watts_;
  std::vector<const Reading*> problems_;
  std::int64_t problems_ms_ = INT64_MIN;
};

}  // namespace

WebSummary summarise_node(const NodeReadings& readings) {
  WebSummary summary;
  summary.name = readings.node;
  Gatherer gatherer(summary);
  for (const auto& reading : readings.readings) {
    if (reading.time_ms != INT64_MIN) gatherer.add(reading);
  }
  gatherer.finish();
  return summary;
}

}  // namespace godwit
