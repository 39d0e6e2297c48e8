#include "edge/health_rules.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "transport/text.h"

namespace godwit {
namespace {

using View = AcceleratorView;

constexpr std::size_t max_named = 3;  // in a message

struct Cause {
  bool View::*flag;
  std::string_view reason;
  std::string_view text;  // "%": the threshold
};
constexpr Cause gpu_causes[] = {
    {&View::missing, "GPUMissing", "not there"},
    {&View::failed, "GPUFailed", "reports a failure"},
    {&View::hung, "GPUHung", "its driver does not answer"},
    {&View::hot, "GPUOverheating", "temperature above % C"},
    {&View::full, "GPUMemoryHigh", "memory use above % %"},
};
constexpr Cause npu_causes[] = {
    {&View::missing, "NPUMissing", "not there"},
    {&View::failed, "NPUFailed", "reports a failure"},
    {&View::hung, "NPUHung", "its driver does not answer"},
    {&View::hot, "NPUOverheating", "temperature above % C"},
};
constexpr Cause hung_cause[] = {{&View::hung, "GPUHung", "its driver does not answer"}};
constexpr Cause full_cause[] = {{&View::full, "GPUMemoryPressure", "memory use above % %"}};
constexpr Cause hot_cause[] = {{&View::hot, "GPUTemperatureHigh", "temperature above % C"}};
constexpr Cause missing_cause[] = {{&View::missing, "GPUMissing", "not there"}};
constexpr Cause xid_cause[] = {{&View::xid, "XIDErrors", "the driver logged Xid"}};
constexpr Cause throttled_cause[] = {
    {&View::throttled, "GPUClockThrottling", "clocks are held down"}};

enum class Needs : std::uint8_t { nothing, temperature, memory, xids, throttling };

struct Rule {
  std::string_view type;
  AcceleratorType accelerator;
  Needs needs;
  std::span<const Cause> causes;
  std::string_view good_reason, good_message;
};
constexpr auto gpu = AcceleratorType::gpu;
constexpr auto npu = AcceleratorType::npu;
constexpr Rule rules[] = {
    {"GPUHealthy", gpu, Needs::nothing, gpu_causes, "GPUIsHealthy", "GPU is healthy"},
    {"GPUHung", gpu, Needs::nothing, hung_cause, "GPUIsNotHung", "GPU answers"},
    {"GPUMemoryPressure", gpu, Needs::memory, full_cause, "GPUHasSufficientMemory",
     "GPU memory use is normal"},
    {"GPUTemperatureHigh", gpu, Needs::temperature, hot_cause, "GPUTemperatureIsNormal",
     "GPU temperature is normal"},
    {"GPUMissing", gpu, Needs::nothing, missing_cause, "GPUsArePresent", "All GPUs are there"},
    {"XIDErrors", gpu, Needs::xids, xid_cause, "NoXIDErrors", "No Xid of the hardware was logged"},
    {"GPUClockThrottling", gpu, Needs::throttling, throttled_cause, "GPUClocksAreNormal",
     "GPU clocks are not held down"},
    {"NPUUnhealthy", npu, Needs::nothing, npu_causes, "NPUIsHealthy", "NPU is healthy"},
};

std::string_view kind_of(AcceleratorType type) { return type == gpu ? "GPU" : "NPU"; }

bool applies(const Rule& rule, const View& view) {
  const Accelerator& it = *view.accelerator;
  if (it.type != rule.accelerator) return false;
  switch (rule.needs) {
    case Needs::nothing:
      return true;
    case Needs::temperature:
      return it.temperature_c.has_value();
    case Needs::memory:
      return it.memory_ratio.has_value();
    case Needs::xids:
      return it.has_xid_source;
    case Needs::throttling:
      return it.throttled.has_value();
  }
  return false;
}

// "GPU gv11b", "NPU 0-0, 1-0", "4 GPUs".
std::string subject(const std::vector<const Accelerator*>& who) {
  const std::string_view kind = kind_of(who[0]->type);
  if (who.size() > max_named) return concat(who.size(), " ", kind, "s");
  std::string names;
  for (const Accelerator* it : who) {
    if (it->id.empty()) continue;
    names += names.empty() ? " " : ", ";
    const std::string quoted = quote_for_message(it->id, 40);
    names.append(quoted, 1, quoted.size() - 2);
  }
  return concat(kind, names);
}

std::string describe(const Cause& cause, const std::vector<const Accelerator*>& who,
                     const HealthThresholds& thresholds) {
  std::string text(cause.text);
  if (cause.flag == &View::xid) {
    for (const auto& xid : who[0]->xids) text += concat(" ", xid.code);
  }
  const double limit =
      cause.flag == &View::hot ? thresholds.temperature_c : thresholds.memory_percent;
  if (const std::size_t at = text.find('%'); at != std::string::npos) {
    text.replace(at, 1, format_number(limit));
  }
  return concat(subject(who), ": ", text);
}

Condition unknown(const Rule& rule, const View& view, const Accelerators& all) {
  const Accelerator& it = *view.accelerator;
  const auto& source = all.source(it.source);
  Condition result;
  result.type = rule.type;
  const bool is_gpu = it.type == gpu;
  if (view.silent && source.error == ErrorCode::no_data) {
    result.reason = is_gpu ? "GPUNotAvailable" : "NPUNotAvailable";
    result.message = concat(kind_of(it.type), " not available for monitoring");
  } else {
    result.reason = is_gpu ? "GPUMonitoringError" : "NPUMonitoringError";
    result.message = concat(subject({&it}), ": ", it.source, " cannot read it");
  }
  return result;
}

// nullopt: this node has nothing of the kind.
std::optional<Condition> apply(const Rule& rule, const std::vector<View>& views,
                               const Accelerators& all, const HealthThresholds& thresholds) {
  const View* untold = nullptr;
  bool any = false;
  for (const auto& view : views) {
    if (!applies(rule, view)) continue;
    any = true;
    if (untold == nullptr && view.silent) untold = &view;
  }
  if (!any) return std::nullopt;
  Condition result;
  result.type = rule.type;
  result.status = ConditionStatus::problem;
  int found = 0;
  for (const auto& cause : rule.causes) {
    std::vector<const Accelerator*> who;
    for (const auto& view : views) {
      if (applies(rule, view) && view.*cause.flag) who.push_back(view.accelerator);
    }
    if (who.empty()) continue;
    result.reason = ++found == 1              ? cause.reason
                    : rule.accelerator == gpu ? "GPUMultipleIssues"
                                              : "NPUMultipleIssues";
    if (found > 1) result.message += "; ";
    result.message += describe(cause, who, thresholds);
  }
  if (found > 0) return result;
  if (untold != nullptr) return unknown(rule, *untold, all);
  result.status = ConditionStatus::no_problem;
  result.reason = rule.good_reason;
  result.message = rule.good_message;
  return result;
}

}  // namespace

std::string_view status_name(ConditionStatus status) {
  if (status == ConditionStatus::unknown) return "Unknown";
  return status == ConditionStatus::problem ? "True" : "False";
}

std::span<const std::string_view> condition_types() {
  static const auto types = [] {
    std::array<std::string_view, std::size(rules)> all;
    std::transform(std::begin(rules), std::end(rules), all.begin(),
                   [](const Rule& rule) { return rule.type; });
    return all;
  }();
  return types;
}

std::vector<Condition> apply_rules(const std::vector<AcceleratorView>& views,
                                   const Accelerators& all, const HealthThresholds& thresholds) {
  std::vector<Condition> conditions;
  for (const auto& rule : rules) {
    if (auto one = apply(rule, views, all, thresholds)) conditions.push_back(std::move(*one));
  }
  return conditions;
}

}  // namespace godwit
