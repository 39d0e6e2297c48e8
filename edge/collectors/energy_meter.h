// EnergyMeter: joules from watts, for what tells its power but not its energy. Used by the
// collectors of GPUs and Jetsons.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace godwit {

// The mean of two readings times the time between them. Never falls; begins with 0 at the agent's
// start. Nothing is added over a gap of more than two minutes.
class EnergyMeter {
 public:
  static constexpr std::size_t max_meters = 256;

  // Joules of `id` until now, in tenths. A name beyond max_meters that are in use begins all anew.
  double add(std::string_view id, double watts, std::int64_t boot_ms);

 private:
  struct Reading {
    double watts = 0, joules = 0;
    std::int64_t boot_ms = 0;
  };
  std::map<std::string, Reading, std::less<>> meters_;
};

}  // namespace godwit
