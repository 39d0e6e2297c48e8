#include "cloud/node_keeper.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "transport/exposition.h"
#include "transport/metric.h"

namespace godwit {
namespace {

constexpr std::int64_t max_nap_ms = 200;  // how late news may be noticed

}  // namespace

std::vector<Setting> node_settings_table() {
  constexpr std::int64_t second = 1000;
  constexpr std::int64_t hour = 3600 * second;
  return {
      {.key = "kubernetes.annotations",
       .type = SettingType::flag,
       .fallback = "false",
       .help = "Keep NPU annotations on the Node objects, as k8s-monitor reads them."},
      {.key = "kubernetes.conditions",
       .type = SettingType::flag,
       .fallback = "false",
       .help = "Keep conditions on the Node objects (GPUHealthy, NPUUnhealthy, EdgeTelemetryStale, "
               "...), "
               "and tell of changes by Events."},
      {.key = "kubernetes.heartbeat",
       .type = SettingType::duration,
       .fallback = "5m",
       .help = "Between two writes of conditions that do not change.",
       .min = 10 * second,
       .max = hour},
      {.key = "kubernetes.min_interval",
       .type = SettingType::duration,
       .fallback = "10s",
       .help = "Between two writes of one Node.",
       .min = second,
       .max = hour},
      {.key = "kubernetes.stale_after",
       .type = SettingType::duration,
       .fallback = "3m",
       .help = "A Node whose readings are older is Unhealthy, without figures, and its conditions "
               "Unknown.",
       .min = 15 * second,  // nodes tell their health every 10 s
       .max = 24 * hour},
      {.key = "kubernetes.qps",
       .type = SettingType::integer,
       .fallback = "20",
       .help = "Requests a second about Nodes, at most.",
       .min = 1,
       .max = 200},
  };
}

NodePatcherOptions finalise_nodes(const Settings& settings) {
  NodePatcherOptions out;
  out.limits = {settings.integer("kubernetes.min_interval"),
                settings.integer("kubernetes.stale_after"),
                settings.integer("kubernetes.heartbeat"), settings.flag("kubernetes.annotations"),
                settings.flag("kubernetes.conditions")};
  out.qps = static_cast<double>(settings.integer("kubernetes.qps"));
  return out;
}

NodeKeeper::NodeKeeper(KubernetesClient client, NodePatcherOptions options,
                       std::atomic<bool>& cancel, Clock clock)
    : limits_(options.limits),
      patcher_(std::move(client), options),
      cancel_(cancel),
      clock_(std::move(clock)),
      thread_([this] { run(); }) {}

NodeKeeper::~NodeKeeper() {
  cancel_ = true;
  thread_.join();
}

void NodeKeeper::run() {
  while (!cancel_) {
    const std::int64_t wait_ms = patcher_.step(clock_().wall_ms, steady_ms());
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(wait_ms, max_nap_ms)));
  }
}

void NodeKeeper::on_live(std::string_view node, const Schema& schema, const Frame& frame) {
  NodeNews news{frame.times_ms.back(), {}, {}};
  if (limits_.annotations) news.report = read_npu_report(schema, frame);
  if (limits_.conditions) news.problems = read_problems(schema, frame);
  if (news.report || limits_.conditions) patcher_.on_live(node, std::move(news));
}

std::string NodeKeeper::metrics() const {
  const NodePatcherStats stats = patcher_.stats();
  Batch out;
  for (const auto& [result, count] : stats.requests) {
    out.add("godwit_relay_kubernetes_requests_total", {{"result", result}},
            static_cast<double>(count));
  }
  out.add("godwit_relay_kubernetes_patches_total", static_cast<double>(stats.patches));
  out.add("godwit_relay_kubernetes_refused_nodes_total", static_cast<double>(stats.refused));
  out.add("godwit_relay_kubernetes_dropped_events_total",
          static_cast<double>(stats.dropped_events));
  out.add("godwit_relay_kubernetes_nodes", static_cast<double>(stats.nodes));
  out.add("godwit_relay_kubernetes_missing_nodes", static_cast<double>(stats.missing));
  out.add("godwit_relay_kubernetes_behind_seconds", static_cast<double>(stats.behind_ms) / 1000);
  return expose(out.samples());
}

}  // namespace godwit
