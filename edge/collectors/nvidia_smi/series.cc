#include "edge/collectors/nvidia_smi/series.h"

#include <algorithm>
#include <tuple>

#include "transport/text.h"

namespace godwit::nvidia_smi {
namespace {

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr double percent = 0.01;
constexpr double megahertz = 1e6;
constexpr double microseconds = 1e-6;
constexpr double max_watts = 5000;
constexpr double max_mib = 16 << 20;
constexpr double max_mhz = 20'000;
constexpr double max_count = 1e12;

// A field that is a number: the series it becomes.
struct Number {
  Field field;
  std::string_view metric, type;  // type: label hw_type
  std::string_view label, value;  // one more, if there is
  double scale, most;             // most: in the tool's unit; more is no reading
};
// clang-format off
constexpr Number numbers[] = {
    {Field::gpu_utilization, "hw_gpu_utilization_ratio", "gpu", "", "", percent, 100},
    {Field::memory_utilization, "godwit_memory_controller_utilization_ratio", "gpu", "", "", percent, 100},
    {Field::encoder_utilization, "godwit_engine_utilization_ratio", "gpu", "engine", "encoder", percent, 100},
    {Field::decoder_utilization, "godwit_engine_utilization_ratio", "gpu", "engine", "decoder", percent, 100},
    {Field::memory_used, "hw_gpu_memory_usage_bytes", "gpu", "", "", mebibyte, max_mib},
    {Field::memory_free, "godwit_gpu_memory_free_bytes", "gpu", "", "", mebibyte, max_mib},
    {Field::memory_reserved, "godwit_gpu_memory_reserved_bytes", "gpu", "", "", mebibyte, max_mib},
    {Field::memory_total, "hw_gpu_memory_limit_bytes", "gpu", "", "", mebibyte, max_mib},
    {Field::gpu_temperature, "hw_temperature_celsius", "gpu", "", "", 1, 200},
    {Field::memory_temperature, "hw_temperature_celsius", "memory", "", "", 1, 200},
    {Field::power, "hw_power_watts", "gpu", "", "", 1, max_watts},
    {Field::power_limit, "godwit_power_limit_watts", "gpu", "", "", 1, max_watts},
    {Field::sm_clock, "godwit_clock_hertz", "gpu", "", "", megahertz, max_mhz},
    {Field::memory_clock, "godwit_clock_hertz", "memory", "", "", megahertz, max_mhz},
    {Field::max_sm_clock, "godwit_clock_limit_hertz", "gpu", "limit", "max", megahertz, max_mhz},
    {Field::max_memory_clock, "godwit_clock_limit_hertz", "memory", "limit", "max", megahertz, max_mhz},
    {Field::fan_speed, "hw_fan_speed_ratio", "fan", "", "", percent, 200},
    {Field::power_cap_time, "godwit_clock_throttled_seconds_total", "gpu", "reason", "sw_power_cap", microseconds, 1e14},
    {Field::sync_boost_time, "godwit_clock_throttled_seconds_total", "gpu", "reason", "sync_boost", microseconds, 1e14},
    {Field::software_thermal_time, "godwit_clock_throttled_seconds_total", "gpu", "reason", "sw_thermal_slowdown", microseconds, 1e14},
    {Field::hardware_thermal_time, "godwit_clock_throttled_seconds_total", "gpu", "reason", "hw_thermal_slowdown", microseconds, 1e14},
    {Field::power_brake_time, "godwit_clock_throttled_seconds_total", "gpu", "reason", "hw_power_brake_slowdown", microseconds, 1e14},
    {Field::ecc_corrected_volatile, "hw_errors_total", "gpu", "error_type", "ecc_corrected_volatile", 1, max_count},
    {Field::ecc_uncorrected_volatile, "hw_errors_total", "gpu", "error_type", "ecc_uncorrected_volatile", 1, max_count},
    {Field::ecc_corrected_aggregate, "hw_errors_total", "gpu", "error_type", "ecc_corrected_aggregate", 1, max_count},
    {Field::ecc_uncorrected_aggregate, "hw_errors_total", "gpu", "error_type", "ecc_uncorrected_aggregate", 1, max_count},
    {Field::retired_single_bit, "hw_errors_total", "gpu", "error_type", "retired_page_single_bit", 1, max_count},
    {Field::retired_double_bit, "hw_errors_total", "gpu", "error_type", "retired_page_double_bit", 1, max_count},
    {Field::remapped_correctable, "hw_errors_total", "gpu", "error_type", "row_remap_correctable", 1, max_count},
    {Field::remapped_uncorrectable, "hw_errors_total", "gpu", "error_type", "row_remap_uncorrectable", 1, max_count},
};
// clang-format on

// Bits of clocks_event_reasons.active (NVML, nvmlClocksEventReason*) that tell of a fault. Being
// idle, capped at the power limit or held by a setting is none.
struct Reason {
  std::uint64_t bit;
  std::string_view name;
};
constexpr Reason slowdowns[] = {
    {0x08, "hw_slowdown"},
    {0x20, "sw_thermal_slowdown"},
    {0x40, "hw_thermal_slowdown"},
    {0x80, "hw_power_brake_slowdown"},
};

Labels hardware(const std::string& id, std::string_view type) {
  return {{"hw_id", id}, {"hw_type", std::string(type)}};
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

// Newest CUDA that a branch of the driver can run (NVIDIA's CUDA Toolkit Release Notes).
struct DriverBranch {
  int branch;
  std::string_view cuda;
};
constexpr DriverBranch driver_branches[] = {
    {440, "10.2"}, {450, "11.0"}, {455, "11.1"}, {460, "11.2"}, {465, "11.3"}, {470, "11.4"},
    {495, "11.5"}, {510, "11.6"}, {515, "11.7"}, {520, "11.8"}, {525, "12.0"}, {530, "12.1"},
    {535, "12.2"}, {545, "12.3"}, {550, "12.4"}, {555, "12.5"}, {560, "12.6"}, {565, "12.7"},
    {570, "12.8"}, {575, "12.9"}, {580, "13.0"}, {590, "13.1"},
};

// "535.183.01" -> "12.2"; empty: not known.
std::string cuda_of(std::string_view driver) {
  const auto branch = parse_int<int>(driver.substr(0, driver.find('.')));
  for (const auto& one : driver_branches) {
    if (branch == one.branch) return std::string(one.cuda);
  }
  return {};
}

std::optional<double> number_of(const Gpu& gpu, const Number& row) {
  const auto value = parse_double(gpu.get(row.field));
  const double least = row.metric == "hw_temperature_celsius" ? -60 : 0;
  if (!value || !(*value >= least && *value <= row.most)) return std::nullopt;
  return value;
}

void add_info(const Gpu& gpu, const std::string& id, Batch& out) {
  Labels labels = hardware(id, "gpu");
  const std::string& index = gpu.get(Field::index);
  if (parse_int(index)) {
    labels.push_back({"index", index});
    labels.push_back({"hw_name", concat("nvidia", index)});
  }
  labels.push_back({"hw_vendor", "NVIDIA"});
  labels.push_back({"hw_model", gpu.get(Field::name)});
  labels.push_back({"hw_bus_id", gpu.get(Field::bus_id)});
  labels.push_back({"hw_driver_version", gpu.get(Field::driver_version)});
  labels.push_back({"cuda_version", cuda_of(gpu.get(Field::driver_version))});
  labels.push_back({"hw_firmware_version", gpu.get(Field::vbios_version)});
  labels.push_back({"uuid", gpu.get(Field::uuid)});
  out.add_info("hw_gpu_info", std::move(labels));
}

void add_clock_events(const Gpu& gpu, const Labels& labels, Batch& out) {
  const std::string& mask = gpu.get(Field::event_reasons);
  if (!mask.starts_with("0x")) return;
  const auto bits = parse_int<std::uint64_t>(std::string_view(mask).substr(2), 16);
  if (!bits) return;
  out.add("godwit_clock_event_reasons", labels, static_cast<double>(*bits));
  for (const auto& slowdown : slowdowns) {
    out.add("godwit_clock_throttled", with(labels, "reason", slowdown.name),
            (*bits & slowdown.bit) != 0 ? 1 : 0);
  }
}

std::optional<bool> flag_of(const Gpu& gpu, Field field) {
  const std::string lower = to_lower(gpu.get(field));
  if (lower == "yes" || lower == "1") return true;
  if (lower == "no" || lower == "0") return false;
  return std::nullopt;
}

void add_status(const std::string& id, std::string_view state, Batch& out) {
  for (const std::string_view each : {"ok", "degraded", "failed", "unknown"}) {
    out.add("hw_status", with(hardware(id, "gpu"), "hw_state", each), each == state ? 1 : 0);
  }
}

std::string_view state_of(const Gpu& gpu) {
  const std::string action = to_lower(gpu.get(Field::recovery_action));
  if (gpu.fitness == Fitness::lost || action == "reset" || action == "reboot") return "failed";
  const bool needs_care = gpu.fitness == Fitness::error || action.starts_with("drain") ||
                          flag_of(gpu, Field::remap_failure).value_or(false);
  return needs_care ? "degraded" : "ok";
}

}  // namespace

std::string hardware_id(const Gpu& gpu) {
  std::string id = kernel_address(gpu.get(Field::bus_id));
  if (id.empty()) id = gpu.get(Field::uuid);
  return id.empty() ? gpu.get(Field::index) : id;
}

void add_gpus(const std::vector<Gpu>& gpus, EnergyMeter& energy, std::int64_t boot_ms, Batch& out) {
  for (const auto& gpu : gpus) {
    const std::string id = hardware_id(gpu);
    const Labels labels = hardware(id, "gpu");
    add_info(gpu, id, out);
    for (const auto& row : numbers) {
      const auto value = number_of(gpu, row);
      if (!value) continue;
      Labels all = hardware(id, row.type);
      if (!row.label.empty()) all.push_back({std::string(row.label), std::string(row.value)});
      out.add(row.metric, std::move(all), *value * row.scale);
      if (row.field == Field::power) {
        out.add("hw_energy_joules_total", labels, energy.add(id, *value, boot_ms));
      }
    }
    add_clock_events(gpu, labels, out);
    if (const auto pending = flag_of(gpu, Field::remap_pending)) {
      out.add("godwit_gpu_row_remap_pending", labels, *pending ? 1 : 0);
    }
    if (const auto failed = flag_of(gpu, Field::remap_failure)) {
      out.add("godwit_gpu_row_remap_failure", labels, *failed ? 1 : 0);
    }
    add_status(id, state_of(gpu), out);
  }
}

void add_processes(const std::vector<Gpu>& gpus, const std::vector<Process>& processes,
                   std::size_t max_shown, Batch& out) {
  for (const auto& gpu : gpus) {
    const Labels labels = hardware(hardware_id(gpu), "gpu");
    std::vector<const Process*> largest;
    std::size_t all = 0;
    for (const auto& process : processes) {
      if (process.gpu_uuid != gpu.get(Field::uuid)) continue;
      ++all;
      const bool is_known = process.memory_mib && *process.memory_mib >= 0;
      if (is_known && *process.memory_mib <= max_mib) largest.push_back(&process);
    }
    out.add("godwit_accelerator_processes", labels, static_cast<double>(all));
    std::sort(largest.begin(), largest.end(), [](const Process* a, const Process* b) {
      return std::tuple(-*a->memory_mib, a->pid) < std::tuple(-*b->memory_mib, b->pid);
    });
    const auto same_pid = [](const Process* a, const Process* b) { return a->pid == b->pid; };
    largest.erase(std::unique(largest.begin(), largest.end(), same_pid), largest.end());
    if (largest.size() > max_shown) largest.resize(max_shown);
    for (const Process* process : largest) {
      out.add("godwit_accelerator_process_memory_bytes",
              with(with(labels, "pid", std::to_string(process->pid)), "process", process->name),
              *process->memory_mib * mebibyte);
    }
  }
}

void add_lost(const std::string& id, Batch& out) { add_status(id, "failed", out); }

}  // namespace godwit::nvidia_smi
