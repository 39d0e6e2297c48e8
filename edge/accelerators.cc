#include "edge/accelerators.h"

#include <algorithm>
#include <array>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_accelerators = 64;
constexpr std::size_t max_xids = 16;

// Those that tell of the hardware; 13, 31, 43, 45 and others are faults of applications.
constexpr std::array<std::int64_t, 10> hardware_xids = {48, 63, 64, 74, 79, 92, 94, 95, 119, 120};
// How kernel and board files call the GPU of a Jetson.
constexpr std::array<std::string_view, 5> gpu_names = {"gpu", "gv11b", "gp10b", "ga10b", "gb10b"};

struct KnownSource {
  std::string_view collector;
  AcceleratorType type;
};
constexpr KnownSource known_sources[] = {
    {"jtop", AcceleratorType::gpu},
    {"npu_smi", AcceleratorType::npu},
    {"nvidia_smi", AcceleratorType::gpu},
    {"tegra", AcceleratorType::gpu},
};

std::optional<AcceleratorType> type_of_source(std::string_view collector) {
  for (const auto& known : known_sources) {
    if (known.collector == collector) return known.type;
  }
  return std::nullopt;
}

std::string_view label(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

std::optional<AcceleratorType> type_of(const Series& series) {
  const std::string_view type = label(series, "hw_type");
  if (type == "gpu") return AcceleratorType::gpu;
  if (type == "npu") return AcceleratorType::npu;
  return std::nullopt;
}

bool is_status(const Sample& sample) {
  return sample.series.name == "hw_status" && type_of(sample.series).has_value() &&
         !label(sample.series, "hw_id").empty();
}

// npu-smi or nvidia-smi could not be ended: the driver holds it.
bool hangs(const Batch& batch) {
  return std::any_of(batch.samples().begin(), batch.samples().end(), [](const Sample& sample) {
    const std::string& name = sample.series.name;
    return (name == "godwit_npu_error" || name == "godwit_gpu_error") &&
           label(sample.series, "reason") == "hung";
  });
}

// "00000000:01:00.0" of nvidia-smi is "0000:01:00" to the kernel's log.
std::string kernel_bus_id(std::string_view id) {
  id = id.substr(0, id.rfind('.'));
  const std::size_t colon = id.find(':');
  if (colon != std::string_view::npos && colon > 4) id.remove_prefix(colon - 4);
  return to_lower(id);
}

// Several sensors or kinds of memory of one accelerator in one run: the highest value counts.
void raise(std::optional<Fact<double>>& fact, double value, std::int64_t now_ms) {
  if (fact && fact->at_ms == now_ms) value = std::max(value, fact->value);
  fact = {value, now_ms};
}

void raise(std::optional<Fact<bool>>& fact, bool value, std::int64_t now_ms) {
  if (fact && fact->at_ms == now_ms) value = value || fact->value;
  fact = {value, now_ms};
}

void take_xid(Accelerator& accelerator, std::string_view error_type, double count,
              std::int64_t now_ms) {
  if (!error_type.starts_with("xid_")) return;
  accelerator.has_xid_source = true;
  const auto code = parse_int(error_type.substr(4));
  if (!code ||
      std::find(hardware_xids.begin(), hardware_xids.end(), *code) == hardware_xids.end()) {
    return;
  }
  for (auto& xid : accelerator.xids) {
    if (xid.code != *code) continue;
    if (count > xid.count) xid.at_ms = now_ms;
    xid.count = count;
    return;
  }
  if (count > 0 && accelerator.xids.size() < max_xids) {
    accelerator.xids.push_back({*code, count, now_ms});
  }
}

// Memory in use as a share: usage and limit are two series of one run.
struct Memory {
  std::string_view id;
  std::optional<double> used, limit;
};

std::vector<Memory> gpu_memories(const Batch& batch) {
  std::vector<Memory> memories;
  for (const auto& sample : batch.samples()) {
    const bool is_usage = sample.series.name == "hw_gpu_memory_usage_bytes";
    if (!is_usage && sample.series.name != "hw_gpu_memory_limit_bytes") continue;
    const std::string_view id = label(sample.series, "hw_id");
    auto it = std::find_if(memories.begin(), memories.end(),
                           [&](const Memory& memory) { return memory.id == id; });
    if (it == memories.end()) it = memories.insert(it, {id, std::nullopt, std::nullopt});
    (is_usage ? it->used : it->limit) = sample.value;
  }
  return memories;
}

}  // namespace

bool is_accelerator_source(std::string_view collector) {
  return type_of_source(collector).has_value();
}

Accelerator* Accelerators::find(AcceleratorType type, std::string_view id) {
  const auto it = std::find_if(all_.begin(), all_.end(), [&](const Accelerator& accelerator) {
    return accelerator.type == type && accelerator.id == id;
  });
  return it == all_.end() ? nullptr : &*it;
}

Accelerator* Accelerators::find_or_add(AcceleratorType type, std::string_view id,
                                       std::string_view collector) {
  if (Accelerator* const known = find(type, id)) return known;
  if (all_.size() >= max_accelerators) return nullptr;
  Accelerator fresh;
  fresh.type = type;
  fresh.id = id;
  fresh.source = collector;
  const auto at = std::find_if(all_.begin(), all_.end(), [&](const Accelerator& other) {
    return std::pair(other.type, std::string_view(other.id)) > std::pair(type, id);
  });
  return &*all_.insert(at, std::move(fresh));
}

// hw_power_watts of a card with two chips bears the id of the card, which is none of them: only
// these tell that there is an accelerator.
bool Accelerators::name(const Sample& sample, std::string_view collector, std::int64_t now_ms) {
  const std::string& name = sample.series.name;
  if (name != "hw_status" && name != "hw_gpu_info" && name != "hw_npu_info" &&
      name != "hw_gpu_utilization_ratio") {
    return false;
  }
  const auto type = type_of(sample.series);
  const std::string_view id = label(sample.series, "hw_id");
  Accelerator* const it = type && !id.empty() ? find_or_add(*type, id, collector) : nullptr;
  if (it == nullptr) return false;
  it->source = collector;
  it->seen_ms = now_ms;
  it->listed = true;
  if (const auto bus_id = label(sample.series, "hw_bus_id"); !bus_id.empty()) {
    it->bus_id = kernel_bus_id(bus_id);
  }
  if (name == "hw_status" && sample.value == 1) {
    it->reported = {std::string(label(sample.series, "hw_state")), now_ms};
  }
  return true;
}

void Accelerators::take(const Sample& sample, std::int64_t now_ms) {
  const Series& series = sample.series;
  const bool is_temperature = series.name == "hw_temperature_celsius";
  const bool is_throttling = series.name == "godwit_clock_throttled";
  const bool is_errors = series.name == "hw_errors_total";
  if (!is_temperature && !is_throttling && !is_errors) return;
  const auto type = type_of(series);
  Accelerator* const it = type ? find(*type, label(series, "hw_id")) : nullptr;
  if (it == nullptr) return;
  if (is_temperature) raise(it->temperature_c, sample.value, now_ms);
  if (is_throttling) raise(it->throttled, sample.value > 0, now_ms);
  if (is_errors) take_xid(*it, label(series, "error_type"), sample.value, now_ms);
}

// A Jetson's GPU is watched by a sensor and a cooling device that have names of their own.
void Accelerators::take_gpu_sensor(const Batch& batch, std::string_view collector,
                                   std::int64_t now_ms) {
  const auto is_ours = [&](const Accelerator& it) {
    return it.type == AcceleratorType::gpu && it.source == collector;
  };
  if (std::count_if(all_.begin(), all_.end(), is_ours) != 1) return;
  Accelerator& gpu = *std::find_if(all_.begin(), all_.end(), is_ours);
  for (const auto& sample : batch.samples()) {
    if (sample.series.name == "hw_temperature_celsius" &&
        label(sample.series, "hw_type") == "temperature" &&
        to_lower(label(sample.series, "hw_id")) == "gpu") {
      raise(gpu.temperature_c, sample.value, now_ms);
    }
  }
}

// The kernel's log is read: every discrete GPU would be named there.
void Accelerators::take_xids(const Batch& batch, std::int64_t now_ms) {
  const auto gpus = std::count_if(all_.begin(), all_.end(), [](const Accelerator& it) {
    return it.type == AcceleratorType::gpu;
  });
  for (auto& it : all_) {
    if (it.type != AcceleratorType::gpu) continue;
    it.has_xid_source = true;
    for (const auto& sample : batch.samples()) {
      const bool is_its = gpus == 1 || kernel_bus_id(label(sample.series, "hw_id")) == it.bus_id;
      if (sample.series.name != "hw_errors_total" || !is_its) continue;
      take_xid(it, label(sample.series, "error_type"), sample.value, now_ms);
    }
  }
}

void Accelerators::take_cooling(const Batch& batch, std::int64_t now_ms) {
  const auto is_gpu = [](const Accelerator& it) { return it.type == AcceleratorType::gpu; };
  if (std::count_if(all_.begin(), all_.end(), is_gpu) != 1) return;
  Accelerator& gpu = *std::find_if(all_.begin(), all_.end(), is_gpu);
  for (const auto& sample : batch.samples()) {
    if (sample.series.name != "node_cooling_device_cur_state") continue;
    const std::string type = to_lower(label(sample.series, "type"));
    const bool cools_gpu =
        std::any_of(gpu_names.begin(), gpu_names.end(),
                    [&](std::string_view name) { return type.find(name) != std::string::npos; });
    if (cools_gpu) raise(gpu.throttled, sample.value > 0, now_ms);
  }
}

// One source takes over from another, as tegra does when the jtop service goes: what the other
// gave bears other ids.
void Accelerators::replace_sources(AcceleratorType type, std::string_view by) {
  std::erase_if(all_, [&](const Accelerator& it) {
    if (it.type != type || it.source == by) return false;
    const auto source = sources_.find(it.source);
    return source == sources_.end() || !source->second.ok;
  });
}

void Accelerators::stand_in(AcceleratorType type, std::string_view collector, std::int64_t now_ms) {
  const bool is_read =
      std::any_of(all_.begin(), all_.end(), [&](const Accelerator& it) { return it.type == type; });
  if (is_read) return;
  if (Accelerator* const it = find_or_add(type, "", collector)) it->seen_ms = now_ms;
}

bool Accelerators::observe(std::string_view collector, const Status& status, Batch& batch,
                           std::int64_t now_ms) {
  const auto type = type_of_source(collector);
  if (!type) {
    if (collector == "thermal") take_cooling(batch, now_ms);
    if (collector == "xid" && status) take_xids(batch, now_ms);
    return collector == "thermal" || collector == "xid";
  }
  const bool is_new = !sources_.contains(collector);
  const bool is_absent = !status && status.error().code == ErrorCode::no_data;
  if (is_new && is_absent) return false;  // what does not exist here has no health
  Source& source = sources_[std::string(collector)];
  source.ok = status.ok();
  if (!source.ok) source.error = hangs(batch) ? ErrorCode::timeout : status.error().code;
  if (source.ok) {
    for (auto& it : all_) {
      if (it.source == collector) it.listed = false;
    }
  }
  bool gave = false;
  for (const auto& sample : batch.samples()) gave = name(sample, collector, now_ms) || gave;
  for (const auto& sample : batch.samples()) take(sample, now_ms);
  for (const auto& memory : gpu_memories(batch)) {
    Accelerator* const gpu = find(AcceleratorType::gpu, memory.id);
    if (gpu == nullptr || !memory.used || memory.limit.value_or(0) <= 0) continue;
    raise(gpu->memory_ratio, *memory.used / *memory.limit, now_ms);
  }
  take_gpu_sensor(batch, collector, now_ms);
  if (gave) {
    replace_sources(*type, collector);
    std::erase_if(all_, [&](const Accelerator& it) { return it.type == *type && it.id.empty(); });
  } else if (!source.ok) {
    stand_in(*type, collector, now_ms);
  }
  batch.remove_if(is_status);
  return true;
}

}  // namespace godwit
