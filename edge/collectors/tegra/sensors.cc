// Temperatures, power rails, fans: what is measured.
#include <algorithm>
#include <limits>

#include "edge/collectors/tegra/plan.h"
#include "edge/collectors/tegra/tegra.h"

namespace godwit {
namespace {

constexpr std::string_view thermal = "/sys/class/thermal";
constexpr std::string_view hwmon = "/sys/class/hwmon";
constexpr std::string_view i2c = "/sys/bus/i2c/devices";
constexpr std::size_t max_sensors = 64;

// Where throttling begins ("passive", "hot") and where the board switches itself off ("critical").
void read_trip_points(const Host& host, const std::string& zone, JetsonTemperature& sensor) {
  for (int i = 0; i < 12; ++i) {
    const std::string trip = concat(zone, "/trip_point_", i);
    const std::string type = read_label(host, concat(trip, "_type"));
    if (type.empty()) return;
    const auto celsius = read_number(host, concat(trip, "_temp"), 1e-3);
    if (celsius.value_or(0) <= 0) continue;
    MaybeNumber& limit =
        type == "critical" ? sensor.limit_critical_celsius : sensor.limit_degraded_celsius;
    if (type == "critical" || type == "passive" || type == "hot") {
      limit = std::min(limit.value_or(*celsius), *celsius);
    }
  }
}

std::size_t add_rail(std::string name, TegraPlan& plan) {
  JetsonRail rail;
  rail.name = std::move(name);
  plan.known.rails.push_back(std::move(rail));
  return plan.known.rails.size() - 1;
}

bool is_connected(const std::string& label) { return !label.empty() && label != "NC"; }

// INA3221 as hwmon, JetPack 5 and later: mV and mA. in7 is a sum of shunt voltages.
void add_ina3221(const Host& host, const std::string& folder, TegraPlan& plan) {
  for (int k = 1; k <= 3; ++k) {
    const std::string label = read_label(host, concat(folder, "/in", k, "_label"));
    if (!is_connected(label) || plan.known.rails.size() >= max_sensors) continue;
    const std::size_t i = add_rail(label, plan);
    const std::string current = concat(folder, "/curr", k);
    plan.known.rails[i].warning_amperes = read_number(host, concat(current, "_max"), 1e-3);
    plan.known.rails[i].critical_amperes = read_number(host, concat(current, "_crit"), 1e-3);
    plan.add(concat(folder, "/in", k, "_input"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].volts; });
    plan.add(concat(current, "_input"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].amperes; });
  }
}

// INA238, on Thor: the whole board's input; microwatts.
void add_ina238(const std::string& folder, TegraPlan& plan) {
  const std::size_t i = add_rail("VIN", plan);
  plan.add(concat(folder, "/power1_input"), 1e-6,
           [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].watts; });
  plan.add(concat(folder, "/in1_input"), 1e-3,
           [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].volts; });
  plan.add(concat(folder, "/curr1_input"), 1e-3,
           [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].amperes; });
}

// "32760 ma".
MaybeNumber read_limit(const Host& host, const std::string& path) {
  const std::string text = read_label(host, path);
  const auto milliamperes = parse_int(std::string_view(text).substr(0, text.find(' ')));
  if (!milliamperes) return std::nullopt;
  return in_base_unit(static_cast<double>(*milliamperes), 1e-3);
}

// INA3221 as an iio device, JetPack 4: mV, mA, mW.
void add_ina3221_iio(const Host& host, const std::string& folder, TegraPlan& plan) {
  for (int k = 0; k < 3; ++k) {
    const std::string label = read_label(host, concat(folder, "/rail_name_", k));
    if (!is_connected(label) || plan.known.rails.size() >= max_sensors) continue;
    const std::size_t i = add_rail(label, plan);
    plan.known.rails[i].warning_amperes =
        read_limit(host, concat(folder, "/warn_current_limit_", k));
    plan.known.rails[i].critical_amperes =
        read_limit(host, concat(folder, "/crit_current_limit_", k));
    plan.add(concat(folder, "/in_voltage", k, "_input"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].volts; });
    plan.add(concat(folder, "/in_current", k, "_input"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].amperes; });
    plan.add(concat(folder, "/in_power", k, "_input"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.rails[i].watts; });
  }
}

// NaN, which adds nothing, stands for a motor that cannot be read now.
void add_motor(std::string path, double factor, std::vector<double> JetsonFan::*list,
               TegraPlan& plan) {
  auto& motors = plan.known.fans.back().*list;
  const std::size_t i = motors.size();
  motors.push_back(std::numeric_limits<double>::quiet_NaN());
  const std::size_t fan = plan.known.fans.size() - 1;
  plan.probes.push_back({std::move(path), [=](JetsonReadings& r, std::string_view line) {
                           if (const auto value = parse_int(line)) {
                             (r.fans[fan].*list)[i] =
                                 rounded(in_base_unit(static_cast<double>(*value), factor), 1e4);
                           }
                         }});
}

}  // namespace

std::string_view thermal_zone_name(std::string_view type) {
  return type.substr(0, type.find_first_of("-_"));
}

void find_temperatures(const Host& host, TegraPlan& plan) {
  for (const auto& entry : names_in(host, thermal)) {
    if (!entry.starts_with("thermal_zone") || plan.known.temperatures.size() >= max_sensors) {
      continue;
    }
    const std::string zone = concat(thermal, "/", entry);
    const std::string type = read_label(host, concat(zone, "/type"));
    // The PMIC's sensor is a constant.
    if (type.empty() || type.starts_with("PMIC")) continue;
    JetsonTemperature sensor;
    sensor.name = std::string(thermal_zone_name(type));
    const auto& others = plan.known.temperatures;
    const bool taken = std::any_of(others.begin(), others.end(), [&](const JetsonTemperature& t) {
      return t.name == sensor.name;
    });
    if (taken || sensor.name.empty()) sensor.name = type;
    read_trip_points(host, zone, sensor);
    const std::size_t i = others.size();
    plan.known.temperatures.push_back(std::move(sensor));
    plan.add(concat(zone, "/temp"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.temperatures[i].celsius; });
  }
}

void find_rails(const Host& host, TegraPlan& plan) {
  for (const auto& address : names_in(host, i2c)) {
    const std::string device = concat(i2c, "/", address);
    const std::string chip = read_label(host, concat(device, "/name"));
    const bool is_ina3221 = chip.find("ina3221") != std::string::npos;
    if (!is_ina3221 && chip.find("ina238") == std::string::npos) continue;
    for (const auto& node : names_in(host, concat(device, "/hwmon"))) {
      const std::string folder = concat(device, "/hwmon/", node);
      is_ina3221 ? add_ina3221(host, folder, plan) : add_ina238(folder, plan);
    }
    for (const auto& node : names_in(host, device)) {
      if (is_ina3221 && node.starts_with("iio:device")) {
        add_ina3221_iio(host, concat(device, "/", node), plan);
      }
    }
  }
}

void find_fans(const Host& host, TegraPlan& plan) {
  std::vector<std::string> drives;
  std::vector<std::string> tachometers;
  for (const auto& node : names_in(host, hwmon)) {
    const std::string folder = concat(hwmon, "/", node);
    const std::string name = read_label(host, concat(folder, "/name"));
    if (name == "pwmfan") drives.push_back(concat(folder, "/pwm1"));
    if (name == "pwm_tach" || name == "generic_pwm_tachometer") {
      const std::string rpm = concat(folder, "/rpm");
      tachometers.push_back(host.exists(rpm) ? rpm : concat(folder, "/fan1_input"));
    }
  }
  const std::string jetpack4 = "/sys/devices/pwm-fan";
  JetsonFan fan;
  fan.name = "pwmfan";
  if (drives.empty() && tachometers.empty()) {
    if (!host.exists(jetpack4)) return;
    fan.name = "pwm-fan";
    const std::string current = concat(jetpack4, "/cur_pwm");
    drives.push_back(host.exists(current) ? current : concat(jetpack4, "/target_pwm"));
    tachometers.push_back(concat(jetpack4, "/rpm_measured"));
  }
  if (const auto status = host.read_file("/var/lib/nvfancontrol/status", 16U << 10)) {
    parse_fan_status(*status, fan);
  }
  plan.known.fans.push_back(std::move(fan));
  for (auto& path : drives) add_motor(path, 1.0 / 255, &JetsonFan::speed_ratio, plan);
  for (auto& path : tachometers) add_motor(path, 1, &JetsonFan::rpm, plan);
}

void parse_fan_status(std::string_view text, JetsonFan& fan) {
  for (const auto line : split_lines(text)) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || fields[0] != "FAN1") continue;
    const std::string value = tegra_label(fields[2]);
    if (fields[1] == "FAN_PROFILE") fan.profile = value;
    if (fields[1] == "FAN_GOVERNOR") fan.governor = value;
    if (fields[1] == "FAN_CONTROL") fan.control = value;
  }
}

void add_power_sums(JetsonReadings& readings) {
  double sum = 0;
  bool is_complete = !readings.rails.empty();  // a sum without one of its parts would be wrong
  for (auto& rail : readings.rails) {
    if (!rail.watts && rail.volts && rail.amperes) {
      rail.watts = rounded(*rail.volts * *rail.amperes, 1e3);
    }
    sum += rail.watts.value_or(0);
    is_complete = is_complete && rail.watts;
  }
  if (is_complete) readings.total_watts = rounded(sum, 1e3);
  for (const auto& rail : readings.rails) {
    const bool feeds_all = rail.name == "VDD_IN" || rail.name == "POM_5V_IN" || rail.name == "VIN";
    if (feeds_all) readings.total_watts = rail.watts;
  }
}

}  // namespace godwit
