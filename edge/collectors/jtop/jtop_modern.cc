// Data of jetson_stats 4.2.0 and later.
#include <algorithm>
#include <limits>

#include "edge/collectors/jtop/jtop_data.h"

namespace godwit {
namespace {

std::vector<JetsonCore> parse_cores(PickleValue cores) {
  std::vector<JetsonCore> out;
  for (std::size_t i = 0; i < bounded(cores.size()); ++i) {
    const PickleValue core = cores.at(i);
    if (!core.is(PickleType::dict)) continue;
    JetsonCore reading;
    reading.index = static_cast<int>(i);
    reading.online = core["online"].flag();
    // The listed shares lack iowait and interrupts, so only `idle` says how busy the core was.
    if (const auto idle = percent(core["idle"]))
      reading.utilization_ratio = rounded(1 - *idle, 1e4);
    reading.clock_hz = scaled(core["freq"]["cur"], 1e3);
    reading.clock_min_hz = scaled(core["freq"]["min"], 1e3);
    reading.clock_max_hz = scaled(core["freq"]["max"], 1e3);
    reading.governor = label_text(core["governor"]);
    out.push_back(std::move(reading));
  }
  return out;
}

std::vector<JetsonGpu> parse_gpus(PickleValue gpus) {
  std::vector<JetsonGpu> out;
  for (std::size_t i = 0; i < bounded(gpus.size()); ++i) {
    const PickleValue gpu = gpus.value(i);
    const PickleValue status = gpu["status"];
    JetsonGpu reading;
    reading.name = label_text(gpus.key(i));
    reading.utilization_ratio = percent(status["load"]);
    reading.clock_hz = gpu_hertz(gpu["freq"]["cur"]);
    reading.clock_min_hz = gpu_hertz(gpu["freq"]["min"]);
    reading.clock_max_hz = gpu_hertz(gpu["freq"]["max"]);
    reading.railgate = status["railgate"].flag();
    reading.memory_used_bytes = scaled(status["memory_used"], 1);
    reading.memory_total_bytes = scaled(status["memory_total"], 1);
    reading.temperature_c = scaled(status["temperature"], 1);
    reading.power_w = scaled(status["power_draw"], 1);
    reading.power_limit_w = scaled(status["power_limit"], 1);
    out.push_back(std::move(reading));
  }
  return out;
}

// Rows: pid, user, gpu, type, priority, state, cpu %, RSS, GPU memory in kB, name. A row is empty
// when the process vanished while it was read.
std::optional<std::vector<JetsonProcess>> parse_processes(PickleValue rows) {
  if (!rows.is(PickleType::list)) return std::nullopt;
  std::vector<JetsonProcess> out;
  for (std::size_t i = 0; i < bounded(rows.size()); ++i) {
    const PickleValue row = rows.at(i);
    const auto pid = row.at(0).integer();
    if (!pid || row.size() < 10) continue;
    add_process(out, {*pid, label_text(row.at(9)), label_text(row.at(1)), label_text(row.at(3)),
                      scaled(row.at(8), 1024)});
  }
  return out;
}

std::vector<JetsonEngine> parse_engines(PickleValue groups) {
  std::vector<JetsonEngine> out;
  for (std::size_t g = 0; g < bounded(groups.size()); ++g) {
    const PickleValue group = groups.value(g);
    for (std::size_t i = 0; i < bounded(group.size()); ++i) {
      const PickleValue engine = group.value(i);
      if (!engine.is(PickleType::dict)) continue;
      out.push_back({label_text(groups.key(g)), label_text(group.key(i)), engine["online"].flag(),
                     scaled(engine["cur"], 1e3), scaled(engine["min"], 1e3),
                     scaled(engine["max"], 1e3)});
    }
  }
  return out;
}

// A sensor that is switched off says -256.
std::vector<JetsonTemperature> parse_temperatures(PickleValue sensors) {
  std::vector<JetsonTemperature> out;
  for (std::size_t i = 0; i < bounded(sensors.size()); ++i) {
    const PickleValue sensor = sensors.value(i);
    JetsonTemperature reading;
    reading.name = label_text(sensors.key(i));
    reading.celsius = scaled(sensor["temp"], 1);
    const bool off = sensor["online"].flag() == false;
    if (off || reading.celsius.value_or(0) <= -256) reading.celsius.reset();
    reading.limit_degraded_celsius = scaled(sensor["max"], 1);
    reading.limit_critical_celsius = scaled(sensor["crit"], 1);
    out.push_back(std::move(reading));
  }
  return out;
}

JetsonRail parse_rail(std::string name, PickleValue rail) {
  JetsonRail out;
  out.name = std::move(name);
  if (rail["online"].flag() == false) return out;
  out.watts = scaled(rail["power"], 1e-3);
  out.volts = scaled(rail["volt"], 1e-3);
  out.amperes = scaled(rail["curr"], 1e-3);
  out.warning_amperes = scaled(rail["warn"], 1e-3);
  out.critical_amperes = scaled(rail["crit"], 1e-3);
  return out;
}

// `tot` is the rail that feeds the board, by its name, or a nameless sum of the rails.
void parse_power(PickleValue power, JetsonReadings& out) {
  const PickleValue total = power["tot"];
  const PickleValue rails = power["rail"];
  const std::string total_name = label_text(total["name"]);
  for (std::size_t i = 0; i < bounded(rails.size()); ++i) {
    std::string name = label_text(rails.key(i));
    if (name != total_name) out.rails.push_back(parse_rail(std::move(name), rails.value(i)));
  }
  if (!total_name.empty()) out.rails.push_back(parse_rail(total_name, total));
  if (total["online"].flag() != false) out.total_watts = scaled(total["power"], 1e-3);
}

std::vector<double> parse_numbers(PickleValue list, double factor) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min<std::size_t>(list.size(), 16); ++i) {
    out.push_back(scaled(list.at(i), factor).value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return out;
}

std::vector<JetsonFan> parse_fans(PickleValue fans) {
  std::vector<JetsonFan> out;
  for (std::size_t i = 0; i < bounded(fans.size()); ++i) {
    const PickleValue fan = fans.value(i);
    if (!fan.is(PickleType::dict)) continue;
    out.push_back({label_text(fans.key(i)), parse_numbers(fan["speed"], 0.01),
                   parse_numbers(fan["rpm"], 1), label_text(fan["profile"]),
                   label_text(fan["governor"]), label_text(fan["control"])});
  }
  return out;
}

void parse_memory(PickleValue memory, JetsonReadings& out) {
  const PickleValue ram = memory["RAM"];
  out.free_4mib_blocks = scaled(ram["lfb"], 1);
  // An integrated GPU lives in the RAM: `shared` is what it has mapped of it.
  if (out.gpus.size() == 1) {
    JetsonGpu& gpu = out.gpus[0];
    if (!gpu.memory_used_bytes) gpu.memory_used_bytes = scaled(ram["shared"], 1024);
    if (!gpu.memory_total_bytes) gpu.memory_total_bytes = scaled(ram["tot"], 1024);
  }
  const PickleValue emc = memory["EMC"];
  out.emc_utilization_ratio = percent(emc["val"]);
  // The service says 1 kHz for a clock that it could not read.
  if (emc["cur"].number().value_or(0) > 1) out.emc_clock_hz = scaled(emc["cur"], 1e3);
  out.emc_clock_min_hz = scaled(emc["min"], 1e3);
  out.emc_clock_max_hz = scaled(emc["max"], 1e3);
}

}  // namespace

JetsonReadings parse_jtop_modern(PickleValue data) {
  JetsonReadings out;
  out.cores = parse_cores(data["cpu"]["cpu"]);
  out.gpus = parse_gpus(data["gpu"]);
  out.processes = parse_processes(data["processes"]);
  out.engines = parse_engines(data["engines"]);
  out.temperatures = parse_temperatures(data["temperature"]);
  parse_power(data["power"], out);
  out.fans = parse_fans(data["fan"]);
  parse_memory(data["mem"], out);
  const PickleValue mode = data["nvp"]["model"];
  out.nvpmodel_name = label_text(mode["name"]);
  out.nvpmodel_id = mode["id"].integer();
  out.jetson_clocks = data["jc"]["enable"].flag();
  return out;
}

}  // namespace godwit
