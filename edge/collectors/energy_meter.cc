#include "edge/collectors/energy_meter.h"

#include <cmath>

namespace godwit {
namespace {

constexpr std::int64_t longest_gap_ms = 120'000;

}  // namespace

double EnergyMeter::add(std::string_view id, double watts, std::int64_t boot_ms) {
  auto meter = meters_.find(id);
  if (meter == meters_.end()) {
    if (meters_.size() >= max_meters) {
      std::erase_if(meters_,
                    [&](const auto& it) { return boot_ms - it.second.boot_ms > longest_gap_ms; });
    }
    if (meters_.size() >= max_meters) meters_.clear();
    meter = meters_.emplace(id, Reading{watts, 0, boot_ms}).first;
  }
  Reading& last = meter->second;
  const std::int64_t passed = boot_ms - last.boot_ms;
  if (passed > 0 && passed <= longest_gap_ms) {
    last.joules += (watts + last.watts) / 2 * static_cast<double>(passed) / 1000;
  }
  last.watts = watts;
  last.boot_ms = boot_ms;
  return std::round(last.joules * 10) / 10;
}

}  // namespace godwit
