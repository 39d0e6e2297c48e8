#include "cloud/api_pods.h"

#include <algorithm>
#include <cmath>

namespace godwit {
namespace {

std::int64_t whole(double value) {
  return std::abs(value) < 9e18 ? std::llround(value) : 0;  // NaN: 0
}

void add_up(ContainerMetrics& sum, const ContainerMetrics& part, bool with_usage) {
  if (with_usage) {
    sum.cpu_usage += part.cpu_usage;
    sum.memory_usage += part.memory_usage;
  }
  sum.cpu_request += part.cpu_request;
  sum.cpu_limit += part.cpu_limit;
  sum.memory_request += part.memory_request;
  sum.memory_limit += part.memory_limit;
}

}  // namespace

void PodGatherer::add_resource(const Reading& reading, bool is_limit, Pod& pod) {
  const Series& series = *reading.series;
  ContainerMetrics& container = pod.containers[std::string(label_value(series, "container"))];
  const auto resource = label_value(series, "resource");
  if (resource == "cpu") {
    (is_limit ? container.cpu_limit : container.cpu_request) = whole(reading.value * 1000);
  } else if (resource == "memory") {
    (is_limit ? container.memory_limit : container.memory_request) = whole(reading.value);
  }
}

void PodGatherer::add(const Reading& reading) {
  const Series& series = *reading.series;
  const std::string_view name = series.name;
  if (!name.starts_with("kube_pod_") && !name.starts_with("container_")) return;
  Pod& pod = pods_[{std::string(label_value(series, "namespace")),
                    std::string(label_value(series, "pod"))}];
  const std::string container(label_value(series, "container"));
  if (name == "kube_pod_info") {
    pod.seen_ms = reading.time_ms;
    pod.metrics.time_ms = reading.time_ms;
    seen_ms_ = std::max(seen_ms_, reading.time_ms);
  } else if (name == "container_cpu_usage_seconds_total" ||
             name == "container_memory_working_set_bytes") {
    ContainerMetrics& of = container.empty() ? pod.metrics.all : pod.containers[container];
    pod.has_own_usage = pod.has_own_usage || container.empty();
    if (name == "container_memory_working_set_bytes") {
      of.memory_usage = whole(reading.value);
    } else {
      of.cpu_usage = whole(reading.rate * 1000);
    }
  } else if (name == "kube_pod_container_resource_requests") {
    add_resource(reading, false, pod);
  } else if (name == "kube_pod_container_resource_limits") {
    add_resource(reading, true, pod);
  } else if (name == "kube_pod_container_status_restarts_total") {
    pod.metrics.restarts += whole(reading.value);
  } else if (name == "kube_pod_status_phase") {
    if (reading.value == 1) pod.metrics.phase = label_value(series, "phase");
  } else if (name == "kube_pod_status_ready") {
    if (label_value(series, "condition") == "true") pod.metrics.ready = reading.value == 1;
  } else if (name == "kube_pod_start_time") {
    pod.metrics.start_ms = whole(reading.value * 1000);
  }
}

std::vector<PodMetrics> PodGatherer::take(std::string_view node) {
  std::vector<PodMetrics> out;
  for (auto& [key, pod] : pods_) {
    if (pod.seen_ms == INT64_MIN || pod.seen_ms < seen_ms_) continue;
    PodMetrics& metrics = pod.metrics;
    metrics.name_space = key.first;
    metrics.name = key.second;
    metrics.node = node;
    for (auto& [name, container] : pod.containers) {
      container.name = name;
      add_up(metrics.all, container, !pod.has_own_usage);
      metrics.containers.push_back(std::move(container));
    }
    out.push_back(std::move(metrics));
  }
  return out;
}

}  // namespace godwit
