#include <algorithm>
#include <cmath>
#include <optional>

#include "cloud/api_model.h"
#include "cloud/api_pods.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t silent_ms = 90'000;
// The kubelet's default eviction thresholds (memory.available, nodefs.available).
constexpr double least_memory_bytes = 100.0 * (1 << 20);
constexpr double least_disk_share = 0.1;
constexpr double mebibyte = 1 << 20;
constexpr const char* broker = "broker";  // the target that nodes send to

std::int64_t whole(double value) {
  return std::abs(value) < 9e18 ? std::llround(value) : 0;  // NaN: 0
}

double percent_of(double part, double all) { return all > 0 ? part / all * 100 : 0; }

struct Disk {
  double size = 0;
  std::optional<double> free, available;
};

struct Accelerator {
  GpuMetrics metrics;
  bool known = false;  // its identity was told: it is no mere sensor
  bool has_exact_usage = false;
};

// What the readings of one node add up to.
class NodeGatherer {
 public:
  explicit NodeGatherer(NodeState& state) : state_(state), node_(state.node) {}

  void add(const Reading& reading) {
    const std::string_view name = reading.series->name;
    if (name.starts_with("hw_")) return add_hardware(reading);
    if (name.starts_with("godwit_")) return add_own(reading);
    if (!name.starts_with("node_")) return pods_.add(reading);
    const Series& series = *reading.series;
    if (name == "node_cpu_seconds_total") return add_cpu(reading);
    if (name == "node_memory_MemTotal_bytes") memory_total_ = reading.value;
    if (name == "node_memory_MemAvailable_bytes") memory_available_ = reading.value;
    if (name == "node_load1") node_.custom["load1"] = reading.value;
    if (name == "node_network_speed_bytes") {
      node_.network_bandwidth = std::max(node_.network_bandwidth, reading.value * 8 / 1e6);
    }
    if (name.starts_with("node_filesystem_")) {
      Disk& disk = disks_[std::string(label_value(series, "mountpoint"))];
      if (name == "node_filesystem_size_bytes") disk.size = reading.value;
      if (name == "node_filesystem_free_bytes") disk.free = reading.value;
      if (name == "node_filesystem_avail_bytes") disk.available = reading.value;
    }
    if (name == "node_uname_info") add_uname(series);
  }

  void finish() {
    node_.cpu_capacity = cores_ * 1000;
    if (has_idle_) {
      node_.cpu_usage =
          std::clamp<std::int64_t>(node_.cpu_capacity - whole(idle_ * 1000), 0, node_.cpu_capacity);
    }
    node_.cpu_rate =
        percent_of(static_cast<double>(node_.cpu_usage), static_cast<double>(node_.cpu_capacity));
    if (memory_total_ && memory_available_) {
      node_.memory_capacity = whole(*memory_total_);
      node_.memory_usage = whole(std::max(0.0, *memory_total_ - *memory_available_));
      node_.memory_rate = percent_of(*memory_total_ - *memory_available_, *memory_total_);
      if (*memory_available_ < least_memory_bytes) {
        add_pressure(concat("MemoryPressure: ", whole(*memory_available_), " bytes are left"));
      }
    }
    finish_disk();
    for (auto& [id, accelerator] : accelerators_) {
      if (accelerator.known) node_.gpus.push_back(std::move(accelerator.metrics));
    }
    for (const auto& [type, problem] : problems_) {
      if (problem.first) node_.conditions.push_back(concat(type, ": ", problem.second));
    }
    finish_network();
    node_.custom["under_pressure"] = is_under_pressure(node_) ? 1 : 0;
    state_.pods = pods_.take(node_.name);
  }

 private:
  void add_pressure(std::string condition) {
    node_.healthy = false;
    node_.conditions.push_back(std::move(condition));
  }

  void add_cpu(const Reading& reading) {
    const auto mode = label_value(*reading.series, "mode");
    if (mode == "idle") ++cores_;
    if ((mode != "idle" && mode != "iowait") || std::isnan(reading.rate)) return;
    idle_ += reading.rate;
    has_idle_ = true;
  }

  void add_uname(const Series& series) {
    const auto machine = label_value(series, "machine");
    node_.labels["kubernetes.io/arch"] = machine == "aarch64"  ? "arm64"
                                         : machine == "x86_64" ? "amd64"
                                                               : std::string(machine);
    node_.labels["kubernetes.io/os"] = to_lower(label_value(series, "sysname"));
  }

  Accelerator& find_accelerator(const Series& series) {
    return accelerators_[concat(label_value(series, "hw_type"), "/", label_value(series, "hw_id"))];
  }

  void add_hardware(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string_view name = series.name;
    if (name == "hw_temperature_celsius") {
      double& highest =
          node_.custom.emplace("temperature_celsius_max", reading.value).first->second;
      highest = std::max(highest, reading.value);
    }
    if (name == "hw_host_power_watts") node_.custom["power_watts"] = reading.value;
    const auto type = label_value(series, "hw_type");
    if (type != "gpu" && type != "npu") return;
    if (name == "hw_gpu_info" || name == "hw_npu_info") {
      Accelerator& one = find_accelerator(series);
      one.known = true;
      const auto model = label_value(series, "hw_model");
      one.metrics.model = model.empty() ? label_value(series, "hw_name") : model;
    } else if (name == "hw_gpu_utilization_ratio" || name == "hw_npu_utilization_ratio") {
      add_usage(reading, find_accelerator(series));
    } else if (name.ends_with("_memory_usage_bytes") || name.ends_with("_memory_limit_bytes")) {
      // Chips with HBM have it beside other memory.
      const bool is_hbm = label_value(series, "hw_memory_type") == "hbm";
      Accelerator& one = find_accelerator(series);
      std::int64_t& to =
          name.ends_with("_usage_bytes") ? one.metrics.memory_used : one.metrics.memory_total;
      if (is_hbm || to == 0) to = whole(reading.value / mebibyte);
    }
  }

  // The general figure, or the AI cores', goes before those of other units.
  static void add_usage(const Reading& reading, Accelerator& one) {
    const auto gpu_task = label_value(*reading.series, "hw_gpu_task");
    const auto npu_task = label_value(*reading.series, "hw_npu_task");
    const bool is_exact =
        npu_task == "aicore" || (npu_task.empty() && (gpu_task.empty() || gpu_task == "general"));
    if (one.has_exact_usage && !is_exact) return;
    one.has_exact_usage = is_exact;
    one.metrics.usage = reading.value * 100;
  }

  void add_own(const Reading& reading) {
    const Series& series = *reading.series;
    const std::string target(label_value(series, "target"));
    const std::string type(label_value(series, "type"));
    if (series.name == "godwit_network_rtt_seconds") {
      targets_[target].rtt_ms = reading.value * 1000;
    } else if (series.name == "godwit_network_loss_ratio") {
      targets_[target].loss = reading.value * 100;
      targets_[target].time_ms = reading.time_ms;
    } else if (series.name == "godwit_link_rtt_seconds") {
      link_.emplace();
      link_->time_ms = reading.time_ms;
      link_->rtt_ms = reading.value * 1000;
    } else if (series.name == "godwit_problem") {
      problems_[type].first = reading.value == 1;
    } else if (series.name == "godwit_problem_info") {
      problems_[type].second = label_value(series, "message");
    }
  }

  // The host's root, or else the largest file system.
  void finish_disk() {
    const Disk* disk = nullptr;
    for (const auto& [mountpoint, one] : disks_) {
      if (mountpoint == "/" || disk == nullptr || one.size > disk->size) disk = &one;
      if (mountpoint == "/") break;
    }
    if (disk == nullptr || !disk->free) return;
    node_.disk_capacity = whole(disk->size);
    node_.disk_usage = whole(disk->size - *disk->free);
    node_.disk_rate = percent_of(disk->size - *disk->free, disk->size);
    if (disk->available && *disk->available < disk->size * least_disk_share) {
      add_pressure(concat("DiskPressure: ", whole(*disk->available), " bytes are left"));
    }
  }

  void finish_network() {
    // Nobody tried: then it is what the connection to the broker sees.
    if (link_) targets_.emplace(broker, *link_);
    for (auto& [target, metrics] : targets_) {
      metrics.source = node_.name;
      metrics.target = target;
      // The broker's, or else the first one's.
      if (target == broker || node_.network_latency == 0) node_.network_latency = metrics.rtt_ms;
      state_.network.push_back(std::move(metrics));
    }
  }

  NodeState& state_;
  NodeMetrics& node_;
  PodGatherer pods_;
  std::int64_t cores_ = 0;
  double idle_ = 0;  // cores
  bool has_idle_ = false;
  std::optional<double> memory_total_, memory_available_;
  std::map<std::string, Disk> disks_;                             // by mount point
  std::map<std::string, Accelerator> accelerators_;               // by type and id
  std::map<std::string, std::pair<bool, std::string>> problems_;  // by type: present, message
  std::map<std::string, NetworkMetrics> targets_;
  std::optional<NetworkMetrics> link_;
};

void judge_presence(const NodeReadings& readings, std::int64_t now_ms, NodeMetrics& node) {
  std::string reason;
  const std::int64_t silence_ms = now_ms - readings.heard_ms;
  if (!readings.online) {
    reason = "the agent is not connected";
  } else if (readings.heard_ms == 0) {
    reason = "no live readings yet";
  } else if (silence_ms > silent_ms) {
    reason = concat("no live readings for ", silence_ms / 1000, " s");
  }
  node.healthy = reason.empty();
  if (!node.healthy) node.conditions.push_back(concat("NotReady: ", reason));
}

}  // namespace

NodeState describe_node(const NodeReadings& readings, Moment moment, std::int64_t now_wall_ms) {
  NodeState state;
  state.node.name = readings.node;
  state.node.time_ms = readings.newest_ms;
  state.node.labels["kubernetes.io/hostname"] = readings.node;
  state.node.healthy = true;
  if (moment == Moment::live) judge_presence(readings, now_wall_ms, state.node);
  NodeGatherer gatherer(state);
  for (const auto& reading : readings.readings) {
    if (reading.time_ms != INT64_MIN) gatherer.add(reading);
  }
  gatherer.finish();
  return state;
}

}  // namespace godwit
