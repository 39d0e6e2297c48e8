#include "cloud/web_detail.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "cloud/api_model.h"
#include "cloud/web_agent.h"
#include "cloud/web_series.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_events = 100;
constexpr std::size_t max_readings = 2000;

struct Shown {
  const Reading* reading;
  WebSeries about;
};

struct Device {
  std::string_view type, id, name, health = "unknown";
  std::int64_t name_ms = INT64_MIN;
  std::vector<Shown> readings;
};

// Titles in the order that people look for them.
constexpr std::string_view titles[] = {"Power rails", "Temperatures", "CPU",  "Memory",
                                       "Engines",     "Clocks",       "Disk", "Network",
                                       "Fans",        "Agent"};

double shown_value(const Shown& shown) {
  if (shown.about.view == WebView::value) return shown.reading->value;
  const double rate = shown.reading->rate;
  return shown.about.view == WebView::rate ? rate : std::clamp(1 - rate, 0.0, 1.0);
}

// All that the answer is made of, in one walk over the readings.
class Detail {
 public:
  // Both outlive it.
  Detail(const NodeReadings& readings, const std::vector<CollectorTrouble>& troubles) {
    for (const auto& reading : readings.readings) {
      if (reading.time_ms != INT64_MIN) add(reading);
    }
    for (const auto& trouble : troubles) agent_.add(trouble);
  }

  void write_devices(JsonWriter& json) const {
    json.begin_array();
    for (const auto& [id, device] : devices_) {
      json.begin_object();
      json.member("id", id);
      json.member("type", device.type);
      json.member("name", device.name.empty() ? device.id : device.name);
      json.member("health", device.health);
      json.key("readings");
      write_readings(json, device.readings);
      json.end_object();
    }
    json.end_array();
  }

  void write_groups(JsonWriter& json) const {
    json.begin_array();
    for (const auto title : titles) {
      const auto found = groups_.find(title);
      if (found == groups_.end()) continue;
      json.begin_object();
      json.member("title", title);
      json.key("readings");
      write_readings(json, found->second);
      json.end_object();
    }
    json.end_array();
  }

  void write_processes(JsonWriter& json) const {
    json.begin_array();
    for (const Reading* process : processes_) {
      if (process->time_ms != processes_ms_) continue;  // it has ended
      const Series& series = *process->series;
      json.begin_object();
      json.member("pid", parse_int(label_value(series, "pid")).value_or(0));
      json.member("name", label_value(series, "process"));
      json.member("device",
                  concat(label_value(series, "hw_type"), "/", label_value(series, "hw_id")));
      json.member("memory_bytes", process->value);
      json.end_object();
    }
    json.end_array();
  }

  [[nodiscard]] const WebAgent& agent() const { return agent_; }

 private:
  void add(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string_view name = series.name;
    const auto type = label_value(series, "hw_type");
    if (type == "gpu" || type == "npu") add_device(reading, type);
    if (name == "godwit_accelerator_process_memory_bytes") {
      processes_.push_back(&reading);
      processes_ms_ = std::max(processes_ms_, reading.time_ms);
    }
    agent_.add(reading);
    const auto about = describe_web_series(series);
    if (!about || shown_ >= max_readings) return;
    ++shown_;
    if (about->of_device) {
      devices_[device_id(series, type)].readings.push_back({&reading, *about});
    } else {
      groups_[about->group].push_back({&reading, *about});
    }
  }

  static std::string device_id(const Series& series, std::string_view type) {
    return concat(type, "/", label_value(series, "hw_id"));
  }

  void add_device(const Reading& reading, std::string_view type) {
    const Series& series = *reading.series;
    const bool is_info = series.name == "hw_gpu_info" || series.name == "hw_npu_info";
    if (!is_info && series.name != "hw_status" && !describe_web_series(series)) return;
    Device& device = devices_[device_id(series, type)];
    device.type = type;
    device.id = label_value(series, "hw_id");
    if (is_info && reading.time_ms >= device.name_ms) {
      const auto model = label_value(series, "hw_model");
      device.name = model.empty() ? label_value(series, "hw_name") : model;
      device.name_ms = reading.time_ms;
    }
    if (series.name == "hw_status" && reading.value == 1) {
      const auto state = label_value(series, "hw_state");
      device.health = state == "ok"         ? "ok"
                      : state == "degraded" ? "warning"
                      : state == "failed"   ? "critical"
                                            : "unknown";
    }
  }

  static void write_readings(JsonWriter& json, const std::vector<Shown>& readings) {
    json.begin_array();
    for (const auto& shown : readings) {
      const Series& series = *shown.reading->series;
      json.begin_object();
      json.member("id", format_series(series));
      json.member("metric", series.name);
      json.key("labels");
      json.begin_object();
      for (const auto& label : series.labels) json.member(label.name, label.value);
      json.end_object();
      json.member("label", shown.about.label);
      json.member("unit", shown.about.unit);
      json.member("value", shown_value(shown));
      json.member("time_ms", shown.reading->time_ms);
      json.member("chart", shown.about.chart);
      json.end_object();
    }
    json.end_array();
  }

  std::map<std::string, Device> devices_;  // by type and id
  std::map<std::string_view, std::vector<Shown>> groups_;
  std::size_t shown_ = 0;
  std::vector<const Reading*> processes_;
  std::int64_t processes_ms_ = INT64_MIN;
  WebAgent agent_;
};

void write_pods(JsonWriter& json, const NodeReadings& readings, std::int64_t now_ms) {
  json.begin_array();
  for (const auto& pod : describe_node(readings, Moment::live, now_ms).pods) {
    json.begin_object();
    json.member("namespace", pod.name_space);
    json.member("name", pod.name);
    json.member("cpu", static_cast<double>(pod.all.cpu_usage) / 1000);
    json.member("memory_bytes", pod.all.memory_usage);
    json.member("restarts", pod.restarts);
    json.member("phase", pod.phase);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string describe_web_node(const WebBoard::Known& known, const NodeReadings* readings,
                              const WebEvents& events, std::int64_t now_ms) {
  const NodeReadings none{};
  const NodeReadings& all = readings != nullptr ? *readings : none;
  const Detail detail(all, known.collectors);
  JsonWriter json;
  json.begin_object();
  json.key("summary");
  write_summary(json, known.summary);
  json.key("devices");
  detail.write_devices(json);
  json.key("groups");
  detail.write_groups(json);
  json.key("processes");
  detail.write_processes(json);
  json.key("pods");
  write_pods(json, all, now_ms);
  json.key("health_history");
  events.write(json, max_events, known.summary.name);
  json.key("collectors");
  detail.agent().write_collectors(json);
  json.key("buffer");
  json.begin_object();
  detail.agent().write_figures(json, "godwit_buffer_");
  json.key("lost");
  json.begin_object();
  for (const auto& [reason, ticks] : known.lost) json.member(reason, ticks);
  json.end_object();
  json.end_object();
  json.key("link");
  json.begin_object();
  detail.agent().write_figures(json, "godwit_link_");
  json.end_object();
  json.key("versions");
  json.begin_object();
  detail.agent().write_versions(json);
  json.end_object();
  json.end_object();
  return json.text();
}

}  // namespace godwit
