// Data of jetson_stats 3.x, 4.0 and 4.1, which comes from tegrastats.
#include <algorithm>

#include "edge/collectors/jtop/jtop_data.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Units are written as 'k' or 'M'; for memory 1024, for clocks 1000 to the first and second power.
double unit(PickleValue value, double base) {
  if (value.text() == "M") return base * base;
  return value.text() == "k" ? base : 1;
}

// Keys are 1, 2, ... or CPU1, CPU2, ...; core 0 is the first. A core that is off has no `val`.
std::vector<JetsonCore> parse_cores(PickleValue cores) {
  std::vector<JetsonCore> out;
  for (std::size_t i = 0; i < bounded(cores.size()); ++i) {
    const PickleValue key = cores.key(i);
    const std::string_view name = key.text();
    const auto number =
        key.integer() ? key.integer()
                      : parse_int(name.starts_with("CPU") ? name.substr(3) : std::string_view());
    if (!number || *number < 1 || *number > 1024) continue;
    const PickleValue core = cores.value(i);
    JetsonCore reading;
    reading.index = static_cast<int>(*number - 1);
    reading.online = core["val"].number().has_value();
    reading.utilization_ratio = percent(core["val"]);
    reading.clock_hz = scaled(core["frq"], 1e3);
    reading.clock_min_hz = scaled(core["min_freq"], 1e3);
    reading.clock_max_hz = scaled(core["max_freq"], 1e3);
    reading.governor = label_text(core["governor"]);
    out.push_back(std::move(reading));
  }
  return out;
}

void parse_gpu(PickleValue data, JetsonReadings& out) {
  PickleValue gpu = data["gpu"];
  if (gpu[1]) gpu = gpu[1];
  if (gpu.size() == 0) return;
  JetsonGpu reading;
  reading.name = "gpu";
  reading.utilization_ratio = percent(gpu["val"]);
  reading.clock_hz = gpu_hertz(gpu["frq"]);
  reading.clock_min_hz = scaled(gpu["min_freq"], 1);
  reading.clock_max_hz = scaled(gpu["max_freq"], 1);
  const PickleValue ram = data["ram"];
  const double factor = unit(ram["unit"], 1024);
  reading.memory_used_bytes = scaled(ram["shared"], 1024);
  reading.memory_total_bytes = scaled(ram["tot"], factor);
  out.gpus.push_back(std::move(reading));
}

// 4.x: a heading and a list of {Process, PID, Size{val, unit}}.
std::optional<std::vector<JetsonProcess>> parse_processes(PickleValue table) {
  const PickleValue rows = table.at(1);
  if (!rows.is(PickleType::list)) return std::nullopt;
  std::vector<JetsonProcess> out;
  for (std::size_t i = 0; i < bounded(rows.size()); ++i) {
    const PickleValue row = rows.at(i);
    const auto pid = parse_int(row["PID"].text());
    if (!pid) continue;
    add_process(out, {*pid, label_text(row["Process"]), "", "",
                      scaled(row["Size"]["val"], unit(row["Size"]["unit"], 1024))});
  }
  return out;
}

// 4.1: {GROUP: {NAME: {unit, status, curr, max, min}}}; before: {NAME: {val in MHz}}, off when
// empty.
std::vector<JetsonEngine> parse_engines(PickleValue groups) {
  std::vector<JetsonEngine> out;
  for (std::size_t g = 0; g < bounded(groups.size()); ++g) {
    const PickleValue group = groups.value(g);
    const std::string name = label_text(groups.key(g));
    if (group.size() == 0 || group["val"]) {
      out.push_back(
          {name, name, group["val"].number().has_value(), scaled(group["val"], 1e6), {}, {}});
      continue;
    }
    for (std::size_t i = 0; i < bounded(group.size()); ++i) {
      const PickleValue engine = group.value(i);
      const double factor = unit(engine["unit"], 1e3);
      out.push_back({name, label_text(group.key(i)), engine["status"].flag(),
                     scaled(engine["curr"], factor), scaled(engine["min"], factor),
                     scaled(engine["max"], factor)});
    }
  }
  return out;
}

// In 4.1 `all` adds the feeding rail to its own parts; that rail alone is the truth.
void parse_power(PickleValue power, JetsonReadings& out) {
  out.total_watts = scaled(power["all"]["cur"], 1e-3);
  const PickleValue rails = power["power"];
  for (std::size_t i = 0; i < bounded(rails.size()); ++i) {
    JetsonRail rail;
    rail.name = label_text(rails.key(i));
    rail.watts = scaled(rails.value(i)["cur"], 1e-3);
    if (rail.name == "IN" || rail.name == "5V IN") out.total_watts = rail.watts;
    out.rails.push_back(std::move(rail));
  }
}

void parse_fan(PickleValue fan, JetsonReadings& out) {
  const MaybeNumber speed = percent(fan["speed"]);
  const MaybeNumber rpm = scaled(fan["rpm"], 1);
  if (!speed && !rpm) return;
  JetsonFan reading;
  reading.name = "fan";
  if (speed) reading.speed_ratio.push_back(*speed);
  if (rpm) reading.rpm.push_back(*rpm);
  reading.profile = label_text(fan["mode"]);
  out.fans.push_back(std::move(reading));
}

void parse_mode(PickleValue nvp, JetsonReadings& out) {
  out.nvpmodel_name = label_text(nvp["mode"]);
  const PickleValue modes = nvp["modes"];
  for (std::size_t i = 0; i < bounded(modes.size()); ++i) {
    if (label_text(modes.value(i)["name"]) == out.nvpmodel_name) {
      out.nvpmodel_id = modes.key(i).integer();
    }
  }
}

}  // namespace

JetsonReadings parse_jtop_legacy(PickleValue data) {
  JetsonReadings out;
  out.cores = parse_cores(data["cpu"]);
  parse_gpu(data, out);
  out.processes = parse_processes(data["ram"]["table"]);
  out.engines = parse_engines(data["engines"]);
  const PickleValue temperatures = data["temperature"];
  for (std::size_t i = 0; i < bounded(temperatures.size()); ++i) {
    JetsonTemperature sensor;
    sensor.name = label_text(temperatures.key(i));
    sensor.celsius = scaled(temperatures.value(i), 1);
    if (sensor.celsius.value_or(0) <= -256) sensor.celsius.reset();
    out.temperatures.push_back(std::move(sensor));
  }
  parse_power(data["power"], out);
  parse_fan(data["fan"], out);
  const PickleValue emc = data["emc"];
  out.emc_utilization_ratio = percent(emc["val"]);
  out.emc_clock_hz = scaled(emc["frq"], 1e3);
  out.emc_clock_min_hz = scaled(emc["min_freq"], 1);
  out.emc_clock_max_hz = scaled(emc["max_freq"], 1);
  const PickleValue blocks = data["ram"]["lfb"];
  if (const auto size = blocks["size"].number(); size && blocks["nblock"]) {
    const double bytes = *size * unit(blocks["unit"], 1024);
    out.free_4mib_blocks = scaled(blocks["nblock"], bytes / (4.0 * 1024 * 1024));
  }
  parse_mode(data["nvp"], out);
  out.jetson_clocks = data["jc"]["status"].flag();
  return out;
}

}  // namespace godwit
