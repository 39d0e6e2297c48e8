#include "cloud/web_series.h"

#include <algorithm>
#include <array>

#include "cloud/api_model.h"
#include "transport/catalog.h"
#include "transport/exposition_parser.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr WebView value = WebView::value;
constexpr WebView rate = WebView::rate;
constexpr std::string_view per_second = "bytes_per_second";
constexpr std::size_t max_id_bytes = 4096;

struct Row {
  std::string_view metric;
  std::string_view group;  // "": of accelerators
  std::string_view label;  // {name} stands for the label's value
  bool chart = true;
  WebView view = value;
  std::string_view unit = {};  // "": the catalog's
};

// clang-format off
constexpr Row rows[] = {
    {"hw_gpu_utilization_ratio", "", "Utilisation {hw_gpu_task}"},
    {"hw_npu_utilization_ratio", "", "Utilisation {hw_npu_task}"},
    {"hw_gpu_memory_usage_bytes", "", "Memory used"},
    {"hw_gpu_memory_limit_bytes", "", "Memory", false},
    {"hw_npu_memory_usage_bytes", "", "Memory used {hw_memory_type}"},
    {"hw_npu_memory_limit_bytes", "", "Memory {hw_memory_type}", false},
    {"hw_npu_hugepages_used", "", "Huge pages used", false},
    {"hw_npu_hugepages_limit", "", "Huge pages", false},
    {"hw_temperature_celsius", "", "Temperature {sensor}"},
    {"hw_power_watts", "", "Power"},
    {"hw_voltage_volts", "", "Voltage", false},
    {"hw_fan_speed_ratio", "", "Fan"},
    {"hw_errors_total", "", "Errors {error_type}", false},
    {"godwit_clock_hertz", "", "Clock {unit}"},
    {"godwit_clock_throttled", "", "Throttled: {reason}", false},
    {"godwit_power_limit_watts", "", "Power limit {limit}", false},
    {"godwit_engine_utilization_ratio", "", "Engine {engine}{hw_id}"},
    {"godwit_memory_controller_utilization_ratio", "", "Memory controller"},
    {"godwit_accelerator_processes", "", "Processes", false},

    {"hw_host_power_watts", "Power rails", "Whole board"},
    {"hw_power_watts", "Power rails", "{hw_id}"},
    {"hw_voltage_volts", "Power rails", "{hw_id} voltage", false},
    {"godwit_current_amperes", "Power rails", "{hw_id} current", false},
    {"hw_temperature_celsius", "Temperatures", "{hw_id}"},
    {"node_thermal_zone_temp", "Temperatures", "{type} {zone}"},
    {"node_hwmon_temp_celsius", "Temperatures", "{chip} {sensor}"},
    {"node_cpu_seconds_total", "CPU", "CPU {cpu}", true, WebView::rest_of_one, "ratio"},
    {"godwit_cpu_utilization_ratio", "CPU", "Core {cpu}"},
    {"node_load1", "CPU", "Load, 1 min"},
    {"node_load5", "CPU", "Load, 5 min", false},
    {"node_load15", "CPU", "Load, 15 min", false},
    {"hw_cpu_speed_hertz", "CPU", "{hw_id} clock"},
    {"node_cpu_scaling_frequency_hertz", "CPU", "CPU {cpu} clock", false},
    {"node_memory_MemTotal_bytes", "Memory", "Memory", false},
    {"node_memory_MemAvailable_bytes", "Memory", "Available"},
    {"node_memory_Cached_bytes", "Memory", "Cached"},
    {"node_memory_SwapTotal_bytes", "Memory", "Swap", false},
    {"node_memory_SwapFree_bytes", "Memory", "Swap free"},
    {"godwit_memory_controller_utilization_ratio", "Memory", "Memory controller"},
    {"godwit_engine_utilization_ratio", "Engines", "{hw_id}"},
    {"godwit_engine_online", "Engines", "{hw_id} in use", false},
    {"godwit_clock_hertz", "Clocks", "{hw_id}"},
    {"node_disk_read_bytes_total", "Disk", "{device} read", true, rate, per_second},
    {"node_disk_written_bytes_total", "Disk", "{device} written", true, rate, per_second},
    {"node_filesystem_size_bytes", "Disk", "{mountpoint}", false},
    {"node_filesystem_avail_bytes", "Disk", "{mountpoint} free"},
    {"node_network_receive_bytes_total", "Network", "{device} received", true, rate, per_second},
    {"node_network_transmit_bytes_total", "Network", "{device} sent", true, rate, per_second},
    {"godwit_network_rtt_seconds", "Network", "Round trip to {target}"},
    {"godwit_network_loss_ratio", "Network", "Loss to {target}"},
    {"hw_fan_speed_ratio", "Fans", "{hw_id}"},
    {"hw_fan_speed_rpm", "Fans", "{hw_id} speed"},
    {"node_hwmon_fan_rpm", "Fans", "{chip} {sensor}"},
    {"godwit_process_resident_memory_bytes", "Agent", "Memory"},
    {"godwit_process_cpu_seconds_total", "Agent", "CPU", true, rate, "ratio"},
    {"godwit_link_rtt_seconds", "Agent", "Round trip to the broker"},
    {"godwit_buffer_ticks", "Agent", "Ticks that wait"},
};
// clang-format on

bool is_accelerator(const Series& series) {
  const auto type = label_value(series, "hw_type");
  return type == "gpu" || type == "npu";
}

const Row* find_row(const Series& series) {
  const bool of_device = is_accelerator(series);
  for (const Row& row : rows) {
    if (row.metric == series.name && row.group.empty() == of_device) return &row;
  }
  return nullptr;
}

// Interfaces that pods come and go with tell people nothing.
bool is_noise(const Series& series) {
  if (series.name == "node_cpu_seconds_total") return label_value(series, "mode") != "idle";
  if (!series.name.starts_with("node_network_")) return false;
  const auto device = label_value(series, "device");
  constexpr std::array<std::string_view, 6> names = {"lo", "veth", "cali", "cni", "flannel", "br-"};
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return device.starts_with(name); });
}

std::string expand(std::string_view pattern, const Series& series) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = pattern.find('}', open);
    out += label_value(series, pattern.substr(open + 1, close - open - 1));
    pattern.remove_prefix(close + 1);
  }
  return std::string(trim(out));
}

}  // namespace

std::optional<WebSeries> describe_web_series(const Series& series) {
  const Row* const row = find_row(series);
  if (row == nullptr || is_noise(series)) return std::nullopt;
  WebSeries out;
  out.of_device = row->group.empty();
  out.group = row->group;
  out.label = expand(row->label, series);
  const MetricInfo* const known = find_metric(series.name);
  out.unit = !row->unit.empty() ? row->unit : known != nullptr ? known->unit : std::string_view();
  out.view = row->view;
  out.chart = row->chart;
  return out;
}

std::optional<Series> parse_web_id(std::string_view text) {
  if (text.size() > max_id_bytes || text.find_first_of("\r\n") != std::string_view::npos) {
    return std::nullopt;
  }
  std::optional<Series> found;
  ExpositionParser parser(ExpositionParser::Format::prometheus, [&](ExposedSample&& sample) {
    if (!found) found = std::move(sample.series);
    return Status();
  });
  if (!parser.feed(concat(text, " 0\n")) || !parser.finish() || !found) return std::nullopt;
  // Whatever the text was, it is this series' own: nothing else was in it.
  if (!is_valid(*found) || format_series(*found) != text) return std::nullopt;
  return found;
}

}  // namespace godwit
