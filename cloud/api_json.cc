#include "cloud/api_json.h"

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

// What readers in Go take for "no time".
constexpr std::string_view no_time = "0001-01-01T00:00:00Z";

void write_time(JsonWriter& json, std::string_view key, std::int64_t time_ms) {
  json.member(key, time_ms == 0 ? std::string(no_time) : format_utc(time_ms));
}

double percent_of(std::int64_t part, std::int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) * 100 : 0;
}

void write_resources(JsonWriter& json, const ContainerMetrics& of) {
  json.member("cpu_usage", of.cpu_usage);
  json.member("memory_usage", of.memory_usage);
  json.member("cpu_request", of.cpu_request);
  json.member("cpu_limit", of.cpu_limit);
  json.member("memory_request", of.memory_request);
  json.member("memory_limit", of.memory_limit);
}

template <class Member>
void write_gpus(JsonWriter& json, std::string_view key, const NodeMetrics& node, Member member) {
  json.key(key);
  json.begin_array();
  for (const auto& gpu : node.gpus) json.value(gpu.*member);
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key);
  json.begin_array();
  for (const auto& text : texts) json.value(text);
  json.end_array();
}

template <class Map>
void write_map(JsonWriter& json, std::string_view key, const Map& map) {
  json.key(key);
  json.begin_object();
  for (const auto& [name, value] : map) json.member(name, value);
  json.end_object();
}

void write_connection(JsonWriter& json, const NetworkMetrics& network) {
  const bool connected = network.loss < 100;
  json.begin_object();
  json.member("source_pod", network.source);
  json.member("target_pod", network.target);
  write_time(json, "timestamp", network.time_ms);
  json.member("connected", connected);
  if (!connected) json.member("error", "no connection");
  json.member("rtt_ms", network.rtt_ms);
  json.member("packet_loss", network.loss);
  json.member("test_method", "tcp");
  json.end_object();
}

}  // namespace

void write_node(JsonWriter& json, const NodeMetrics& node) {
  json.begin_object();
  json.member("node_name", node.name);
  write_time(json, "timestamp", node.time_ms);
  json.member("cpu_capacity", node.cpu_capacity);
  json.member("cpu_usage", node.cpu_usage);
  json.member("cpu_usage_rate", node.cpu_rate);
  json.member("memory_capacity", node.memory_capacity);
  json.member("memory_usage", node.memory_usage);
  json.member("memory_usage_rate", node.memory_rate);
  json.member("disk_capacity", node.disk_capacity);
  json.member("disk_usage", node.disk_usage);
  json.member("disk_usage_rate", node.disk_rate);
  json.member("network_latency", node.network_latency);
  json.member("network_bandwidth", node.network_bandwidth);
  json.member("gpu_count", node.gpus.size());
  write_gpus(json, "gpu_models", node, &GpuMetrics::model);
  write_gpus(json, "gpu_usage", node, &GpuMetrics::usage);
  write_gpus(json, "gpu_memory_total", node, &GpuMetrics::memory_total);
  write_gpus(json, "gpu_memory_used", node, &GpuMetrics::memory_used);
  json.member("healthy", node.healthy);
  if (node.conditions.empty()) {
    json.key("conditions");
    json.null();
  } else {
    write_texts(json, "conditions", node.conditions);
  }
  write_map(json, "labels", node.labels);
  if (!node.custom.empty()) write_map(json, "custom_metrics", node.custom);
  json.end_object();
}

void write_pod(JsonWriter& json, const PodMetrics& pod) {
  json.begin_object();
  json.member("pod_name", pod.name);
  json.member("namespace", pod.name_space);
  json.member("node_name", pod.node);
  write_time(json, "timestamp", pod.time_ms);
  write_resources(json, pod.all);
  json.member("cpu_usage_rate", percent_of(pod.all.cpu_usage, pod.all.cpu_limit));
  json.member("memory_usage_rate", percent_of(pod.all.memory_usage, pod.all.memory_limit));
  json.key("containers");
  json.begin_array();
  for (const auto& container : pod.containers) {
    json.begin_object();
    json.member("name", container.name);
    write_resources(json, container);
    json.end_object();
  }
  json.end_array();
  json.member("phase", pod.phase.empty() ? "Unknown" : pod.phase);
  json.member("ready", pod.ready);
  json.member("restarts", pod.restarts);
  write_time(json, "start_time", pod.start_ms);
  json.end_object();
}

void write_cluster(JsonWriter& json, const ClusterMetrics& cluster) {
  json.begin_object();
  write_time(json, "timestamp", cluster.time_ms);
  json.member("total_nodes", cluster.nodes);
  json.member("healthy_nodes", cluster.healthy_nodes);
  json.member("total_pods", cluster.pods);
  json.member("running_pods", cluster.running_pods);
  json.member("total_cpu", cluster.total_cpu);
  json.member("used_cpu", cluster.used_cpu);
  json.member("cpu_usage_rate", cluster.cpu_rate);
  json.member("total_memory", cluster.total_memory);
  json.member("used_memory", cluster.used_memory);
  json.member("memory_usage_rate", cluster.memory_rate);
  json.member("total_gpus", cluster.gpus);
  json.member("available_gpus", cluster.available_gpus);
  json.member("health_status", cluster.status);
  if (!cluster.issues.empty()) write_texts(json, "issues", cluster.issues);
  json.end_object();
}

void write_nodes(JsonWriter& json, const std::vector<NodeState>& nodes) {
  json.begin_object();
  for (const auto& state : nodes) {
    json.key(state.node.name);
    write_node(json, state.node);
  }
  json.end_object();
}

void write_pods(JsonWriter& json, const std::vector<NodeState>& nodes) {
  json.begin_object();
  for (const auto& state : nodes) {
    for (const auto& pod : state.pods) {
      json.key(concat(pod.name_space, "/", pod.name));
      write_pod(json, pod);
    }
  }
  json.end_object();
}

void write_network(JsonWriter& json, const std::vector<NodeState>& nodes) {
  json.begin_array();
  for (const auto& state : nodes) {
    for (const auto& network : state.network) write_connection(json, network);
  }
  json.end_array();
}

void write_snapshot(JsonWriter& json, const std::vector<NodeState>& nodes, std::int64_t time_ms) {
  json.begin_object();
  write_time(json, "timestamp", time_ms);
  json.key("node_metrics");
  write_nodes(json, nodes);
  json.key("pod_metrics");
  write_pods(json, nodes);
  json.key("network_metrics");
  write_network(json, nodes);
  json.key("cluster_metrics");
  write_cluster(json, describe_cluster(nodes, time_ms));
  json.end_object();
}

}  // namespace godwit
