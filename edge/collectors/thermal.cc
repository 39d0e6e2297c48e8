#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr std::string_view thermal_folder = "/sys/class/thermal";

struct Zone {
  std::string file;
  Labels labels;
};

class Thermal final : public Collector {
 public:
  explicit Thermal(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    if (slow_facts_.due(host_)) discover();
    if (zones_.empty() && devices_.empty()) {
      return Error{ErrorCode::no_data,
                   concat(host_.path(thermal_folder), ": no thermal zones (usual in a VM)")};
    }
    for (const auto& zone : zones_) {
      // A zone that is powered off answers "try again" and has no temperature.
      const auto millidegrees = host_.read_int(zone.file);
      if (!millidegrees) continue;
      out.add("node_thermal_zone_temp", zone.labels, static_cast<double>(*millidegrees) / 1000);
    }
    for (const auto& device : devices_) {
      const auto state = host_.read_int(device.file);
      if (!state) continue;
      out.add("node_cooling_device_cur_state", device.labels, static_cast<double>(*state));
    }
    out.append(Batch(limits_));
    return {};
  }

 private:
  void discover() {
    constexpr std::string_view zone_prefix = "thermal_zone";
    constexpr std::string_view device_prefix = "cooling_device";
    zones_.clear();
    devices_.clear();
    limits_.clear();
    const auto names = host_.list(thermal_folder);
    if (!names) return;
    for (const auto& name : *names) {
      const std::string folder = concat(thermal_folder, "/", name);
      const auto type = host_.read_line(concat(folder, "/type"));
      if (!type || !is_utf8(*type)) continue;
      if (name.starts_with(zone_prefix)) {
        const std::string number = name.substr(zone_prefix.size());
        zones_.push_back({concat(folder, "/temp"), {{"type", *type}, {"zone", number}}});
      } else if (name.starts_with(device_prefix)) {
        const std::string number = name.substr(device_prefix.size());
        const Labels labels = {{"name", number}, {"type", *type}};
        devices_.push_back({concat(folder, "/cur_state"), labels});
        if (const auto max = host_.read_int(concat(folder, "/max_state"))) {
          limits_.add("node_cooling_device_max_state", labels, static_cast<double>(*max));
        }
      }
    }
  }

  const Host& host_;
  SlowFacts slow_facts_;
  std::vector<Zone> zones_;
  std::vector<Zone> devices_;
  Batch limits_;
};

}  // namespace

std::unique_ptr<Collector> make_thermal(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Thermal>(host);
}

}  // namespace godwit
