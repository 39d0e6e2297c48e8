#include "edge/collectors/jetson_readings.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "transport/text.h"

namespace godwit {
namespace {

void add_known(Batch& out, std::string_view name, const Labels& labels, MaybeNumber value) {
  if (value) out.add(name, labels, *value);
}

void add_known(Batch& out, std::string_view name, const Labels& labels, std::optional<bool> flag) {
  if (flag) out.add(name, labels, *flag ? 1 : 0);
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

Labels hardware(std::string_view type, std::string_view id) {
  return {{"hw_id", std::string(id)}, {"hw_type", std::string(type)}};
}

void add_limits(Batch& out, std::string_view name, const Labels& labels, std::string_view low,
                MaybeNumber low_value, std::string_view high, MaybeNumber high_value) {
  if (low_value) out.add(name, with(labels, "limit", low), *low_value);
  if (high_value) out.add(name, with(labels, "limit", high), *high_value);
}

void add_cores(const std::vector<JetsonCore>& cores, Batch& out) {
  for (const auto& core : cores) {
    const Labels labels = hardware("cpu", concat("cpu", core.index));
    const Labels cpu = {{"cpu", std::to_string(core.index)}};
    add_known(out, "godwit_cpu_online", cpu, core.online);
    add_known(out, "godwit_cpu_utilization_ratio", cpu, core.utilization_ratio);
    add_known(out, "hw_cpu_speed_hertz", labels, core.clock_hz);
    add_limits(out, "godwit_clock_limit_hertz", labels, "min", core.clock_min_hz, "max",
               core.clock_max_hz);
    if (!core.governor.empty()) {
      out.add_info("godwit_cpu_governor_info", with(cpu, "governor", core.governor));
    }
  }
}

void add_gpus(const JetsonReadings& readings, Batch& out) {
  const auto module = readings.board.find("module");
  for (const auto& gpu : readings.gpus) {
    const Labels labels = hardware("gpu", gpu.name);
    Labels identity = with(labels, "hw_name", gpu.name);
    if (module != readings.board.end()) identity.push_back({"hw_model", module->second});
    out.add_info("hw_gpu_info", std::move(identity));
    add_known(out, "hw_gpu_utilization_ratio", labels, gpu.utilization_ratio);
    add_known(out, "hw_gpu_memory_usage_bytes", labels, gpu.memory_used_bytes);
    add_known(out, "hw_gpu_memory_limit_bytes", labels, gpu.memory_total_bytes);
    add_known(out, "godwit_clock_hertz", labels, gpu.clock_hz);
    add_limits(out, "godwit_clock_limit_hertz", labels, "min", gpu.clock_min_hz, "max",
               gpu.clock_max_hz);
    add_known(out, "godwit_gpu_railgate_enabled", labels, gpu.railgate);
    add_known(out, "hw_temperature_celsius", labels, gpu.temperature_c);
    add_known(out, "hw_power_watts", labels, gpu.power_w);
    add_known(out, "godwit_power_limit_watts", labels, gpu.power_limit_w);
  }
}

void add_processes(const JetsonReadings& readings, std::size_t max_processes, Batch& out) {
  if (!readings.processes) return;
  // A Jetson has one GPU; the sources do not say which GPU a process uses.
  const Labels labels =
      hardware("gpu", readings.gpus.empty() ? "gpu" : std::string_view(readings.gpus[0].name));
  out.add("godwit_accelerator_processes", labels, static_cast<double>(readings.processes->size()));
  std::vector<const JetsonProcess*> largest;
  for (const auto& process : *readings.processes) {
    if (process.gpu_memory_bytes) largest.push_back(&process);
  }
  const auto order = [](const JetsonProcess* a, const JetsonProcess* b) {
    return std::tuple(-*a->gpu_memory_bytes, a->pid) < std::tuple(-*b->gpu_memory_bytes, b->pid);
  };
  std::sort(largest.begin(), largest.end(), order);
  if (largest.size() > max_processes) largest.resize(max_processes);
  for (const JetsonProcess* process : largest) {
    Labels all = with(labels, "pid", std::to_string(process->pid));
    all.push_back({"process", process->name});
    all.push_back({"user", process->user});
    all.push_back({"type", process->type});
    out.add("godwit_accelerator_process_memory_bytes", std::move(all), *process->gpu_memory_bytes);
  }
}

void add_engines(const std::vector<JetsonEngine>& engines, Batch& out) {
  for (const auto& engine : engines) {
    Labels labels = hardware("engine", engine.name);
    if (engine.group != engine.name) labels.push_back({"hw_parent", engine.group});
    add_known(out, "godwit_engine_online", labels, engine.online);
    add_known(out, "godwit_clock_hertz", labels, engine.clock_hz);
    add_limits(out, "godwit_clock_limit_hertz", labels, "min", engine.clock_min_hz, "max",
               engine.clock_max_hz);
  }
}

void add_temperatures(const std::vector<JetsonTemperature>& temperatures, Batch& out) {
  for (const auto& sensor : temperatures) {
    const Labels labels = hardware("temperature", sensor.name);
    add_known(out, "hw_temperature_celsius", labels, sensor.celsius);
    add_known(out, "hw_temperature_limit_celsius", with(labels, "hw_limit_type", "high.degraded"),
              sensor.limit_degraded_celsius);
    add_known(out, "hw_temperature_limit_celsius", with(labels, "hw_limit_type", "high.critical"),
              sensor.limit_critical_celsius);
  }
}

void add_power(const JetsonReadings& readings, Batch& out) {
  for (const auto& rail : readings.rails) {
    const Labels labels = hardware("power_rail", rail.name);
    add_known(out, "hw_power_watts", labels, rail.watts);
    add_known(out, "hw_voltage_volts", labels, rail.volts);
    add_known(out, "godwit_current_amperes", labels, rail.amperes);
    add_limits(out, "godwit_current_limit_amperes", labels, "warning", rail.warning_amperes,
               "critical", rail.critical_amperes);
  }
  add_known(out, "hw_host_power_watts", {}, readings.total_watts);
}

void add_fans(const std::vector<JetsonFan>& fans, Batch& out) {
  for (const auto& fan : fans) {
    const std::size_t motors = std::max(fan.speed_ratio.size(), fan.rpm.size());
    const auto labels = [&](std::size_t motor) {
      return hardware("fan", motors > 1 ? concat(fan.name, motor) : fan.name);
    };
    for (std::size_t i = 0; i < fan.speed_ratio.size(); ++i) {
      out.add("hw_fan_speed_ratio", labels(i), fan.speed_ratio[i]);
    }
    for (std::size_t i = 0; i < fan.rpm.size(); ++i) {
      out.add("hw_fan_speed_rpm", labels(i), fan.rpm[i]);
    }
    if (fan.profile.empty() && fan.governor.empty() && fan.control.empty()) continue;
    Labels control = hardware("fan", fan.name);
    control.push_back({"profile", fan.profile});
    control.push_back({"governor", fan.governor});
    control.push_back({"control", fan.control});
    out.add_info("godwit_fan_info", std::move(control));
  }
}

void add_memory_controller(const JetsonReadings& readings, Batch& out) {
  const Labels labels = hardware("memory", "emc");
  add_known(out, "godwit_memory_controller_utilization_ratio", labels,
            readings.emc_utilization_ratio);
  add_known(out, "godwit_clock_hertz", labels, readings.emc_clock_hz);
  add_limits(out, "godwit_clock_limit_hertz", labels, "min", readings.emc_clock_min_hz, "max",
             readings.emc_clock_max_hz);
  add_known(out, "godwit_memory_free_4mib_blocks", {}, readings.free_4mib_blocks);
}

void add_board(const JetsonReadings& readings, Batch& out) {
  if (!readings.board.empty()) {
    Labels labels;
    for (const auto& [name, value] : readings.board) labels.push_back({name, value});
    out.add_info("godwit_board_info", std::move(labels));
  }
  if (!readings.nvpmodel_name.empty() || readings.nvpmodel_id) {
    const std::string id = readings.nvpmodel_id ? std::to_string(*readings.nvpmodel_id) : "";
    out.add_info("godwit_nvpmodel_info", {{"id", id}, {"mode", readings.nvpmodel_name}});
  }
  add_known(out, "godwit_jetson_clocks_enabled", {}, readings.jetson_clocks);
}

}  // namespace

void add_jetson_readings(const JetsonReadings& readings, std::size_t max_processes, Batch& out) {
  add_board(readings, out);
  add_gpus(readings, out);
  add_cores(readings.cores, out);
  add_memory_controller(readings, out);
  add_engines(readings.engines, out);
  add_temperatures(readings.temperatures, out);
  add_power(readings, out);
  add_fans(readings.fans, out);
  add_processes(readings, max_processes, out);
}

void add_jetson_energy(const JetsonReadings& readings, EnergyMeter& meter, std::int64_t boot_ms,
                       Batch& out) {
  const auto add = [&](std::string_view type, const std::string& id, MaybeNumber watts) {
    if (!watts) return;
    const double joules = meter.add(concat(type, " ", id), *watts, boot_ms);
    out.add("hw_energy_joules_total", hardware(type, id), joules);
  };
  for (const auto& gpu : readings.gpus) add("gpu", gpu.name, gpu.power_w);
  for (const auto& rail : readings.rails) add("power_rail", rail.name, rail.watts);
}

}  // namespace godwit
