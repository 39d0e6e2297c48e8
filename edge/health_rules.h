// The conditions of a node: which there are, their reasons and messages, and which of them follow
// from what is the matter with its accelerators. Part of Health; the table for people is in
// HEALTH.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/accelerators.h"
#include "edge/health_settings.h"

namespace godwit {

enum class ConditionStatus : std::uint8_t { no_problem, problem, unknown };
std::string_view status_name(ConditionStatus status);  // "False", "True", "Unknown"

struct Condition {
  std::string_view type;  // "GPUHealthy"; true always means a problem
  ConditionStatus status = ConditionStatus::unknown;
  std::string_view reason;
  std::string message;  // ASCII, stable: without readings
  // When the status became what it is. Wall time once it is known.
  std::int64_t since_boot_ms = 0;
  std::optional<std::int64_t> since_wall_ms;
};

// Every type there is, in the order in which they are told.
std::span<const std::string_view> condition_types();

// What is the matter with one accelerator now.
struct AcceleratorView {
  const Accelerator* accelerator = nullptr;
  bool silent = false;  // nothing that is said of it is fresh
  bool hung = false, missing = false, failed = false;
  bool hot = false, full = false, throttled = false, xid = false;
};

// Those that apply to this node, in the order of condition_types(), without their times.
std::vector<Condition> apply_rules(const std::vector<AcceleratorView>& views,
                                   const Accelerators& all, const HealthThresholds& thresholds);

}  // namespace godwit
