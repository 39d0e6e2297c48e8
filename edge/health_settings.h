// Settings `health.*`: when a reading means that an accelerator is not well; and `npd.socket`,
// where node-problem-detector may ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "transport/settings.h"

namespace godwit {

struct HealthThresholds {
  double temperature_c = 85;  // a problem above it
  double memory_percent = 95;

  bool operator==(const HealthThresholds&) const = default;
};

struct HealthSettings {
  HealthThresholds thresholds;
  std::int64_t hung_after_ms = 60'000;  // without an answer
  std::int64_t recovery_ms = 30'000;    // a problem must be away for so long
  std::size_t gpus = 0, npus = 0;       // that should be there; 0: those that were
};

std::vector<Setting> health_settings_table();
HealthSettings finalise_health(const Settings& settings);

}  // namespace godwit
