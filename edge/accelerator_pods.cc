#include "edge/accelerator_pods.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "edge/accelerators.h"
#include "edge/collectors/pods/pod_cgroups.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view device_series = "kube_pod_container_device_info";
constexpr std::string_view container_series = "kube_pod_container_info";
// What was told last holds while its source is silent: through a restart of the kubelet or of the
// driver's tool, not much longer.
constexpr std::int64_t patience_ms = 90'000;
constexpr std::size_t max_pids = 32;  // of an accelerator
// A number may go to another process one day.
constexpr std::int64_t look_up_ms = 30'000;

std::string_view label(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

std::optional<std::int64_t> last_number(std::string_view id) {
  return parse_int(id.substr(id.rfind('-') + 1));
}

bool by_labels(const Series& a, const Series& b) { return a.labels < b.labels; }

}  // namespace

AcceleratorPods::Accelerator* AcceleratorPods::find_or_add(std::string_view collector,
                                                           const Series& series) {
  const std::string_view id = label(series, "hw_id"), type = label(series, "hw_type");
  const auto it = std::find_if(accelerators_.begin(), accelerators_.end(),
                               [&](const auto& one) { return one.id == id && one.type == type; });
  if (it != accelerators_.end()) return &*it;
  if (series.name != "hw_gpu_info" && series.name != "hw_npu_info") return nullptr;
  if (id.empty() || accelerators_.size() >= max_accelerators) return nullptr;
  Accelerator fresh;
  fresh.id = id;
  fresh.type = type;
  fresh.source = collector;
  return &accelerators_.emplace_back(std::move(fresh));
}

void AcceleratorPods::take_accelerators(std::string_view collector, const Batch& batch,
                                        std::int64_t now_ms) {
  for (const auto& sample : batch.samples()) {
    const Series& series = sample.series;
    const bool is_info = series.name == "hw_gpu_info" || series.name == "hw_npu_info";
    if (!is_info && series.name != "godwit_accelerator_process_memory_bytes") continue;
    Accelerator* const it = find_or_add(collector, series);
    if (it == nullptr) continue;
    if (!is_info) {
      if (it->pids.size() < max_pids) it->pids.emplace_back(label(series, "pid"));
      continue;
    }
    it->source = collector;
    it->seen_ms = now_ms;
    it->pids.clear();
    it->uuid = label(series, "uuid");
    it->name = label(series, "hw_name");
    it->index = label(series, "index");
    for (const std::string_view number : {"phy_id", "logic_id", "npu"}) {
      if (it->index.empty()) it->index = label(series, number);
    }
  }
}

void AcceleratorPods::take_containers(bool is_devices, const Status& status, Batch& batch,
                                      std::int64_t now_ms) {
  const std::string_view name = is_devices ? device_series : container_series;
  std::vector<Container> told;
  for (const auto& sample : batch.samples()) {
    const Series& series = sample.series;
    if (series.name != name) continue;
    Container& one = told.emplace_back();
    one.id = label(series, "container_id");
    one.device = label(series, "device");
    one.resource = label(series, "resource");
    for (const std::string_view kept : {"container", "namespace", "pod"}) {
      one.labels.push_back({std::string(kept), std::string(label(series, kept))});
    }
  }
  batch.remove_if([name](const Sample& sample) { return sample.series.name == name; });
  std::int64_t& told_ms = is_devices ? devices_ms_ : containers_ms_;
  // Half of the pods may have no name: the others are known all the same.
  const bool is_silent = !status && told.empty();
  if (is_silent && now_ms - told_ms <= patience_ms) return;
  (is_devices ? devices_ : containers_) = std::move(told);
  if (!is_silent) told_ms = now_ms;
}

void AcceleratorPods::observe(std::string_view collector, const Status& status, Batch& batch,
                              std::int64_t now_ms) {
  if (collector == "pod_resources") take_containers(true, status, batch, now_ms);
  if (collector == "pods") take_containers(false, status, batch, now_ms);
  if (!is_accelerator_source(collector)) return;
  take_accelerators(collector, batch, now_ms);
  tell(collector, status, batch, now_ms);
}

// "GPU-<uuid>" of a GPU; "tegra" of a Jetson's only one; "nvidia0" by name; "Ascend310P-0", and
// "Ascend310P-2c-100-0" of a virtual NPU, by the physical number at the end. Behind "::" is the
// number of a share of the device, behind '/' that of a part.
bool AcceleratorPods::is_given(const Accelerator& accelerator, const Container& container) {
  std::string_view id = container.device;
  id = id.substr(0, id.find("::"));
  id = id.substr(0, id.find('/'));
  if (accelerator.type == "npu") {
    const auto number = parse_int(accelerator.index);
    return container.resource.starts_with("huawei.com/") && number && last_number(id) == number;
  }
  if (!container.resource.starts_with("nvidia.com/") || id.empty()) return false;
  if (id.starts_with("MIG-GPU-")) id.remove_prefix(4);
  if (id == "tegra") return accelerator.source == "jtop" || accelerator.source == "tegra";
  return id == accelerator.uuid || id == accelerator.name || id == accelerator.index;
}

void AcceleratorPods::look_up(Accelerator& accelerator, std::int64_t now_ms) const {
  std::vector<Process> known = std::move(accelerator.processes);
  accelerator.processes.clear();
  for (const auto& pid : accelerator.pids) {
    const auto it = std::find_if(known.begin(), known.end(),
                                 [&](const Process& one) { return one.pid == pid; });
    if (it != known.end() && now_ms - it->read_ms < look_up_ms) {
      accelerator.processes.push_back(std::move(*it));
      it->pid.clear();
      continue;
    }
    const auto cgroup = host_.read_file(concat("/proc/", pid, "/cgroup"), 16U << 10);
    accelerator.processes.push_back(
        {pid, cgroup ? container_of_process(*cgroup) : std::string(), now_ms});
  }
}

std::vector<Series> AcceleratorPods::users_of(const Accelerator& accelerator,
                                              std::size_t room) const {
  Batch users;
  const auto add = [&](const Labels& whose) {
    if (users.size() >= room) return;
    Labels labels = {{"hw_id", accelerator.id}, {"hw_type", accelerator.type}};
    labels.insert(labels.end(), whose.begin(), whose.end());
    users.add_info("godwit_accelerator_pod_info", std::move(labels));
  };
  for (const auto& device : devices_) {
    if (is_given(accelerator, device)) add(device.labels);
  }
  const bool is_given_away = !users.empty();
  for (const auto& process : accelerator.processes) {
    if (is_given_away || process.container.empty()) continue;
    const auto it = std::find_if(containers_.begin(), containers_.end(),
                                 [&](const Container& one) { return one.id == process.container; });
    if (it != containers_.end()) add(it->labels);
  }
  std::vector<Series> out;
  for (auto& sample : users.take()) out.push_back(std::move(sample.series));
  std::sort(out.begin(), out.end(), by_labels);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void AcceleratorPods::tell(std::string_view collector, const Status& status, Batch& batch,
                           std::int64_t now_ms) {
  std::size_t room = max_series;
  for (const auto& it : accelerators_) room -= it.source == collector ? 0 : it.told.size();
  for (auto& it : accelerators_) {
    if (it.source != collector) continue;
    std::vector<Series> now;
    const std::int64_t age_ms = now_ms - it.seen_ms;
    if (age_ms > 0) {
      if (!status && age_ms <= patience_ms) continue;
      it.id.clear();  // it is not there any more
    } else {
      look_up(it, now_ms);
      now = users_of(it, room);
      room -= now.size();
    }
    std::vector<Series> ended;
    std::set_difference(it.told.begin(), it.told.end(), now.begin(), now.end(),
                        std::back_inserter(ended), by_labels);
    for (auto& series : ended) batch.end_foreign(std::move(series));
    for (const auto& series : now) batch.add_foreign(series, 1);
    it.told = std::move(now);
  }
  std::erase_if(accelerators_, [](const Accelerator& it) { return it.id.empty(); });
}

void AcceleratorPods::join(std::string_view collector, Batch& batch) const {
  const bool is_memory = collector == "memory";
  if (batch.empty() || (!is_memory && collector != "xid")) return;
  for (const auto& it : accelerators_) {
    const bool shares_memory = it.source == "jtop" || it.source == "tegra";
    if (is_memory != shares_memory) continue;
    for (const auto& series : it.told) batch.add_foreign(series, 1);
  }
}

}  // namespace godwit
