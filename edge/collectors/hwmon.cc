#include <filesystem>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr std::string_view hwmon_folder = "/sys/class/hwmon";

struct Reading {
  std::string file;
  std::string_view metric;
  double divisor = 1;
  Labels labels;
};

std::string_view metric_of(std::string_view type, std::string_view property) {
  if (type == "temp" && property == "input") return "node_hwmon_temp_celsius";
  if (type == "temp" && property == "max") return "node_hwmon_temp_max_celsius";
  if (type == "temp" && property == "crit") return "node_hwmon_temp_crit_celsius";
  if (type == "fan" && property == "input") return "node_hwmon_fan_rpm";
  return {};
}

// node_exporter's rule: bus and name of the device behind it, which are stable, for example
// "nvme_nvme0"; without a device its name; else the folder's own name.
std::string chip_label(const Host& host, const std::string& folder, const std::string& name) {
  std::error_code failed;
  const auto device = std::filesystem::canonical(host.path(concat(folder, "/device")), failed);
  if (!failed) {
    const std::string own = clean_hwmon_name(device.filename().string());
    const std::string bus = clean_hwmon_name(device.parent_path().filename().string());
    if (!own.empty()) return bus.empty() ? own : concat(bus, "_", own);
  }
  if (!name.empty()) return name;
  return clean_hwmon_name(folder.substr(folder.rfind('/') + 1));
}

class Hwmon final : public Collector {
 public:
  explicit Hwmon(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    if (slow_facts_.due(host_)) discover();
    if (readings_.empty() && facts_.empty()) {
      return Error{ErrorCode::no_data,
                   concat(host_.path(hwmon_folder), ": no sensors (usual in a VM)")};
    }
    out.append(Batch(facts_));
    for (const auto& reading : readings_) {
      const auto value = host_.read_int(reading.file);
      if (!value) continue;
      out.add(reading.metric, reading.labels, static_cast<double>(*value) / reading.divisor);
    }
    return {};
  }

 private:
  void discover() {
    readings_.clear();
    facts_.clear();
    const auto chips = host_.list(hwmon_folder);
    if (!chips) return;
    for (const auto& chip : *chips) {
      const std::string folder = concat(hwmon_folder, "/", chip);
      const auto raw_name = host_.read_line(concat(folder, "/name"));
      const std::string name = raw_name ? clean_hwmon_name(*raw_name) : std::string();
      const std::string label = chip_label(host_, folder, name);
      if (!name.empty()) {
        facts_.add_info("node_hwmon_chip_names", {{"chip", label}, {"chip_name", name}});
      }
      add_sensors(folder, label);
      add_sensors(concat(folder, "/device"), label);
    }
  }

  // Files are <type><number>_<property>, for example temp1_input.
  void add_sensors(const std::string& folder, const std::string& chip) {
    const auto files = host_.list(folder);
    if (!files) return;
    for (const auto& file : *files) {
      const std::size_t digits = file.find_first_of("0123456789");
      const std::size_t line = file.find('_');
      if (digits == std::string::npos || line == std::string::npos || digits > line) continue;
      const std::string_view type = std::string_view(file).substr(0, digits);
      const std::string_view property = std::string_view(file).substr(line + 1);
      const std::string sensor = file.substr(0, line);
      const std::string path = concat(folder, "/", file);
      if (property == "label") {
        const auto text = host_.read_line(path);
        if (!text || !is_utf8(*text) || (type != "temp" && type != "fan")) continue;
        facts_.add_info("node_hwmon_sensor_label",
                        {{"chip", chip}, {"label", *text}, {"sensor", sensor}});
        continue;
      }
      const std::string_view metric = metric_of(type, property);
      if (metric.empty()) continue;
      readings_.push_back(
          {path, metric, type == "temp" ? 1000.0 : 1.0, {{"chip", chip}, {"sensor", sensor}}});
    }
  }

  const Host& host_;
  SlowFacts slow_facts_;
  std::vector<Reading> readings_;
  Batch facts_;
};

}  // namespace

std::string clean_hwmon_name(std::string_view text) {
  std::string out = to_lower(text);
  for (char& c : out) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '_';
    if (!keep) c = '_';
  }
  const std::size_t first = out.find_first_not_of('_');
  if (first == std::string::npos) return {};
  return out.substr(first, out.find_last_not_of('_') - first + 1);
}

std::unique_ptr<Collector> make_hwmon(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Hwmon>(host);
}

}  // namespace godwit
