// What a Jetson says about itself, whichever way it was read (jtop service or sysfs), in base
// units, and its one translation into canonical series. Filled by collectors/jtop and
// collectors/tegra, so that both publish the same names and labels.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/collectors/energy_meter.h"
#include "transport/metric.h"

namespace godwit {

using MaybeNumber = std::optional<double>;

// `value` times `factor`. Divides where the factor is a fraction: 208 / 1000 is the double nearest
// to 0.208, and decimals are cheap on the wire; 208 * 0.001 is another number.
inline double in_base_unit(double value, double factor) {
  return factor < 1 ? value / std::round(1 / factor) : value * factor;
}

// What was computed, without digits that mean nothing: 1 - 0.93 is 0.07.
inline double rounded(double value, double steps_per_unit) {
  return std::round(value * steps_per_unit) / steps_per_unit;
}

struct JetsonCore {
  int index = 0;
  std::optional<bool> online;
  MaybeNumber utilization_ratio;  // busy share of the last interval
  MaybeNumber clock_hz, clock_min_hz, clock_max_hz;
  std::string governor;
};

struct JetsonGpu {
  std::string name;  // "gv11b", "ga10b", "gpu", "Thor"
  MaybeNumber utilization_ratio;
  MaybeNumber clock_hz, clock_min_hz, clock_max_hz;
  std::optional<bool> railgate;
  MaybeNumber memory_used_bytes, memory_total_bytes;
  MaybeNumber temperature_c, power_w, power_limit_w;  // NVML boards only
};

struct JetsonProcess {
  std::int64_t pid = 0;
  std::string name, user, type;  // type: "Graphic", "Compute"
  MaybeNumber gpu_memory_bytes;
};

struct JetsonEngine {
  std::string group, name;  // "NVENC", "NVENC0"
  std::optional<bool> online;
  MaybeNumber clock_hz, clock_min_hz, clock_max_hz;
};

struct JetsonTemperature {
  std::string name;  // "cpu", "tj"
  MaybeNumber celsius, limit_degraded_celsius, limit_critical_celsius;
};

struct JetsonRail {
  std::string name;  // "VDD_CPU_GPU_CV"
  MaybeNumber watts, volts, amperes, warning_amperes, critical_amperes;
};

struct JetsonFan {
  std::string name;                 // "pwmfan"
  std::vector<double> speed_ratio;  // one per motor
  std::vector<double> rpm;
  std::string profile, governor, control;
};

struct JetsonReadings {
  // Labels of godwit_board_info. The serial number is never among them: it must not be published.
  std::map<std::string, std::string> board;
  std::vector<JetsonCore> cores;
  std::vector<JetsonGpu> gpus;
  std::optional<std::vector<JetsonProcess>> processes;  // nullopt: this source cannot tell
  std::vector<JetsonEngine> engines;
  std::vector<JetsonTemperature> temperatures;
  std::vector<JetsonRail> rails;  // the rail that measures the whole board (VDD_IN) included
  MaybeNumber total_watts;
  std::vector<JetsonFan> fans;
  MaybeNumber emc_utilization_ratio, emc_clock_hz, emc_clock_min_hz, emc_clock_max_hz;
  MaybeNumber free_4mib_blocks;
  std::string nvpmodel_name;
  std::optional<std::int64_t> nvpmodel_id;
  std::optional<bool> jetson_clocks;
};

// Adds every known reading to `out`; of the processes the `max_processes` with the most memory.
void add_jetson_readings(const JetsonReadings& readings, std::size_t max_processes, Batch& out);
// The energy of the rails, and of a GPU that tells its power, until `boot_ms`.
void add_jetson_energy(const JetsonReadings& readings, EnergyMeter& meter, std::int64_t boot_ms,
                       Batch& out);

}  // namespace godwit
