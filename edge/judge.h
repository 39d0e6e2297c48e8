// Judge: turns what is known of the accelerators into states and conditions, by one set of
// thresholds, with hysteresis. Part of Health, which guards it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/accelerators.h"
#include "edge/health_rules.h"
#include "edge/health_settings.h"

namespace godwit {

// What an earlier process knew: status and wall time by type.
using EarlierConditions =
    std::map<std::string, std::pair<ConditionStatus, std::int64_t>, std::less<>>;

class Judge {
 public:
  Judge(HealthThresholds thresholds, const HealthSettings& settings)
      : thresholds_(thresholds), settings_(settings) {}

  // An instant of boot time; `wall_ms` then, if known.
  void judge(const Accelerators& accelerators, const EarlierConditions& earlier,
             std::int64_t now_ms, std::optional<std::int64_t> wall_ms);

  [[nodiscard]] const HealthThresholds& thresholds() const { return thresholds_; }
  [[nodiscard]] const std::vector<Condition>& conditions() const { return conditions_; }
  // "ok", "degraded", "failed" or "unknown" for each of the accelerators judged, in their order.
  [[nodiscard]] const std::vector<std::string_view>& states() const { return states_; }

 private:
  // On at once; off when the cause has been away for a while.
  struct Latch {
    bool on = false;
    std::int64_t last_cause_ms = 0;
    bool update(bool begins, bool goes_on, std::int64_t now_ms, std::int64_t recovery_ms);
  };
  struct Latches {
    Latch failed, hot, full, throttled;
  };
  AcceleratorView look(const Accelerator& accelerator, const Accelerators& all,
                       std::int64_t now_ms);
  void add_expected(std::vector<AcceleratorView>& views, std::int64_t now_ms);

  HealthThresholds thresholds_;
  HealthSettings settings_;
  std::map<std::pair<AcceleratorType, std::string>, Latches> latches_;
  std::optional<std::int64_t> first_ms_;  // of judging
  std::vector<Condition> conditions_;
  std::vector<std::string_view> states_;
};

}  // namespace godwit
