#include "cloud/api_model.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "transport/text.h"

namespace godwit {
namespace {

// Thresholds are passed by what is above them.
constexpr double high_percent = 80;
constexpr double critical_percent = 90;
constexpr double full_disk_percent = 90;
constexpr double busy_gpu_percent = 50;

double percent_of(std::int64_t part, std::int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) * 100 : 0;
}

std::string one_decimal(double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

}  // namespace

std::string_view label_value(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

bool is_under_pressure(const NodeMetrics& node) {
  return node.cpu_rate > high_percent || node.memory_rate > high_percent ||
         node.disk_rate > full_disk_percent;
}

ClusterMetrics describe_cluster(const std::vector<NodeState>& nodes, std::int64_t time_ms) {
  ClusterMetrics out;
  out.time_ms = time_ms;
  for (const auto& [node, pods, network] : nodes) {
    ++out.nodes;
    if (node.healthy) ++out.healthy_nodes;
    out.total_cpu += node.cpu_capacity;
    out.used_cpu += node.cpu_usage;
    out.total_memory += node.memory_capacity;
    out.used_memory += node.memory_usage;
    for (const auto& gpu : node.gpus) {
      ++out.gpus;
      if (gpu.usage < busy_gpu_percent) ++out.available_gpus;
    }
    out.pods += static_cast<std::int64_t>(pods.size());
    out.running_pods += std::count_if(pods.begin(), pods.end(),
                                      [](const PodMetrics& pod) { return pod.phase == "Running"; });
  }
  out.cpu_rate = percent_of(out.used_cpu, out.total_cpu);
  out.memory_rate = percent_of(out.used_memory, out.total_memory);
  if (out.healthy_nodes < out.nodes) {
    out.issues.push_back(concat(out.nodes - out.healthy_nodes, " nodes are unhealthy"));
  }
  if (out.cpu_rate > high_percent) {
    out.issues.push_back(concat("High CPU usage: ", one_decimal(out.cpu_rate), "%"));
  }
  if (out.memory_rate > high_percent) {
    out.issues.push_back(concat("High memory usage: ", one_decimal(out.memory_rate), "%"));
  }
  const bool is_critical = out.cpu_rate > critical_percent || out.memory_rate > critical_percent ||
                           out.healthy_nodes < out.nodes / 2;
  out.status = out.issues.empty() ? "healthy" : is_critical ? "critical" : "warning";
  return out;
}

std::vector<std::string_view> gauges_of_api() {
  return {"node_memory_MemTotal_bytes",
          "node_memory_MemAvailable_bytes",
          "node_load1",
          "node_network_speed_bytes",
          "node_filesystem_size_bytes",
          "node_filesystem_free_bytes",
          "node_filesystem_avail_bytes",
          "node_uname_info",
          "hw_temperature_celsius",
          "hw_host_power_watts",
          "hw_gpu_info",
          "hw_npu_info",
          "hw_gpu_utilization_ratio",
          "hw_npu_utilization_ratio",
          "hw_gpu_memory_usage_bytes",
          "hw_gpu_memory_limit_bytes",
          "hw_npu_memory_usage_bytes",
          "hw_npu_memory_limit_bytes",
          "godwit_network_rtt_seconds",
          "godwit_network_loss_ratio",
          "godwit_link_rtt_seconds",
          "godwit_problem",
          "godwit_problem_info",
          "container_memory_working_set_bytes",
          "kube_pod_info",
          "kube_pod_start_time",
          "kube_pod_status_phase",
          "kube_pod_status_ready",
          "kube_pod_container_status_restarts_total",
          "kube_pod_container_resource_requests",
          "kube_pod_container_resource_limits"};
}

std::vector<std::string_view> rates_of_api() {
  return {"node_cpu_seconds_total", "container_cpu_usage_seconds_total"};
}

}  // namespace godwit
