// What the HTTP API shows of nodes, pods and the cluster, computed from readings. Fields, units and
// thresholds are those of the cluster metrics API that API.md describes. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/latest_view.h"

namespace godwit {

struct GpuMetrics {
  std::string model;
  double usage = 0;                                // 0-100
  std::int64_t memory_total = 0, memory_used = 0;  // MiB
};

struct NodeMetrics {
  std::string name;
  std::int64_t time_ms = 0;
  std::int64_t cpu_capacity = 0, cpu_usage = 0;        // thousandths of a core
  double cpu_rate = 0;                                 // 0-100, as the other rates
  std::int64_t memory_capacity = 0, memory_usage = 0;  // bytes
  double memory_rate = 0;
  std::int64_t disk_capacity = 0, disk_usage = 0;  // bytes
  double disk_rate = 0;
  double network_latency = 0;    // ms
  double network_bandwidth = 0;  // Mbit/s
  std::vector<GpuMetrics> gpus;
  bool healthy = false;
  std::vector<std::string> conditions;  // "Type: message"
  std::map<std::string, std::string> labels;
  std::map<std::string, double> custom;
};

struct ContainerMetrics {
  std::string name;
  std::int64_t cpu_usage = 0, cpu_request = 0, cpu_limit = 0;           // thousandths of a core
  std::int64_t memory_usage = 0, memory_request = 0, memory_limit = 0;  // bytes
};

struct PodMetrics {
  std::string name, name_space, node;
  std::int64_t time_ms = 0;
  ContainerMetrics all;  // of the pod; limits and requests 0: none
  std::vector<ContainerMetrics> containers;
  std::string phase;
  bool ready = false;
  std::int64_t restarts = 0;
  std::int64_t start_ms = 0;  // 0: not known
};

struct NetworkMetrics {
  std::string source, target;
  std::int64_t time_ms = 0;
  double rtt_ms = 0;
  double loss = 0;  // 0-100
};

struct ClusterMetrics {
  std::int64_t time_ms = 0;
  std::int64_t nodes = 0, healthy_nodes = 0, pods = 0, running_pods = 0;
  std::int64_t total_cpu = 0, used_cpu = 0, total_memory = 0, used_memory = 0;
  double cpu_rate = 0, memory_rate = 0;
  std::int64_t gpus = 0, available_gpus = 0;
  std::string status;  // healthy, warning, critical
  std::vector<std::string> issues;
};

// One node's share of a moment.
struct NodeState {
  NodeMetrics node;
  std::vector<PodMetrics> pods;  // by namespace and name
  std::vector<NetworkMetrics> network;
};

// Live: whether the node is connected and when it was heard last counts for its health. Else what
// the readings say of it.
enum class Moment : std::uint8_t { live, past };
NodeState describe_node(const NodeReadings& readings, Moment moment, std::int64_t now_wall_ms);

ClusterMetrics describe_cluster(const std::vector<NodeState>& nodes, std::int64_t time_ms);

bool is_under_pressure(const NodeMetrics& node);

// The value of a label, "" without it. As long as the series lives.
std::string_view label_value(const Series& series, std::string_view name);

// The names that describe_node() reads the value of, and those that it reads the rate of.
std::vector<std::string_view> gauges_of_api();
std::vector<std::string_view> rates_of_api();

}  // namespace godwit
