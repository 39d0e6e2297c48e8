#include "edge/judge.h"

#include <algorithm>
#include <span>

#include "transport/text.h"

namespace godwit {
namespace {

using View = Judge::View;

// A problem that began above its threshold goes on until the value is so far below it.
constexpr double temperature_margin_c = 3;
constexpr double memory_margin_percent = 2;
constexpr std::int64_t xid_memory_ms = 3'600'000;
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

Accelerator nobody(AcceleratorType type) {
  Accelerator it;
  it.type = type;
  return it;
}
const Accelerator nobody_gpu = nobody(gpu);
const Accelerator nobody_npu = nobody(npu);

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

std::string_view state_of(const View& view) {
  const auto& reported = view.accelerator->reported;
  if (view.failed || view.missing || view.hung) return "failed";
  if (view.silent) return "unknown";
  if (view.hot || view.throttled || view.xid) return "degraded";
  return reported && reported->value == "degraded" ? "degraded" : "ok";
}

}  // namespace

std::string_view status_name(ConditionStatus status) {
  if (status == ConditionStatus::unknown) return "Unknown";
  return status == ConditionStatus::problem ? "True" : "False";
}

bool Judge::Latch::update(bool begins, bool goes_on, std::int64_t now_ms,
                          std::int64_t recovery_ms) {
  if (begins) on = true;
  if (begins || goes_on) last_cause_ms = now_ms;
  if (now_ms - last_cause_ms >= recovery_ms) on = on && (begins || goes_on);
  return on;
}

View Judge::look(const Accelerator& it, const Accelerators& all, std::int64_t now_ms) {
  Latches& latches = latches_[{it.type, it.id}];
  const auto& source = all.source(it.source);
  const std::int64_t recovery = settings_.recovery_ms;
  const bool is_late = now_ms - it.seen_ms > settings_.hung_after_ms;
  View view;
  view.accelerator = &it;
  view.missing = source.ok && !it.listed && is_late;
  view.hung = !source.ok && source.error == ErrorCode::timeout && is_late;
  view.silent = !view.missing && !source.ok && (is_late || it.id.empty());
  view.failed = latches.failed.on;
  if (view.missing || view.silent) return view;
  const auto fresh = [&](const auto& fact) {
    return fact && it.seen_ms - fact->at_ms <= settings_.hung_after_ms;
  };
  const bool fails = fresh(it.reported) && it.reported->value == "failed";
  view.failed = latches.failed.update(fails, fails, now_ms, recovery);
  view.silent = fresh(it.reported) && it.reported->value == "unknown";
  const double celsius = fresh(it.temperature_c) ? it.temperature_c->value : -300;
  view.hot = latches.hot.update(
      celsius > thresholds_.temperature_c,
      latches.hot.on && celsius > thresholds_.temperature_c - temperature_margin_c, now_ms,
      recovery);
  const double percent = fresh(it.memory_ratio) ? it.memory_ratio->value * 100 : 0;
  view.full = latches.full.update(
      percent > thresholds_.memory_percent,
      latches.full.on && percent > thresholds_.memory_percent - memory_margin_percent, now_ms,
      recovery);
  const bool throttles = fresh(it.throttled) && it.throttled->value;
  view.throttled = latches.throttled.update(throttles, throttles, now_ms, recovery);
  view.xid = std::any_of(it.xids.begin(), it.xids.end(), [&](const Accelerator::Xid& xid) {
    return now_ms - xid.at_ms <= xid_memory_ms;
  });
  return view;
}

void Judge::judge(const Accelerators& accelerators, const EarlierConditions& earlier,
                  std::int64_t now_ms, std::optional<std::int64_t> wall_ms) {
  std::vector<View> views;
  states_.clear();
  for (const auto& it : accelerators.all()) {
    views.push_back(look(it, accelerators, now_ms));
    states_.push_back(state_of(views.back()));
  }
  std::erase_if(latches_, [&](const auto& entry) {
    return std::none_of(views.begin(), views.end(), [&](const View& view) {
      return view.accelerator->type == entry.first.first &&
             view.accelerator->id == entry.first.second;
    });
  });
  add_expected(views, now_ms);
  std::vector<Condition> before = std::move(conditions_);
  conditions_.clear();
  for (const auto& rule : rules) {
    auto condition = apply(rule, views, accelerators, thresholds_);
    if (!condition) continue;
    const auto old = std::find_if(before.begin(), before.end(), [&](const Condition& other) {
      return other.type == condition->type;
    });
    const bool goes_on = old != before.end() && old->status == condition->status;
    condition->since_boot_ms = goes_on ? old->since_boot_ms : now_ms;
    if (goes_on) condition->since_wall_ms = old->since_wall_ms;
    const auto stored = earlier.find(condition->type);
    if (old == before.end() && stored != earlier.end() &&
        stored->second.first == condition->status) {
      condition->since_wall_ms = stored->second.second;
    }
    if (!condition->since_wall_ms && wall_ms) {
      condition->since_wall_ms = *wall_ms - (now_ms - condition->since_boot_ms);
    }
    conditions_.push_back(std::move(*condition));
  }
}

// Those that should be there and never were: the settings know more than the driver.
void Judge::add_expected(std::vector<View>& views, std::int64_t now_ms) {
  first_ms_ = first_ms_.value_or(now_ms);
  for (const auto& [type, expected] :
       {std::pair(gpu, settings_.gpus), std::pair(npu, settings_.npus)}) {
    std::size_t known = 0;
    bool silent = false;
    for (const auto& view : views) {
      if (view.accelerator->type != type) continue;
      ++known;
      silent = silent || view.silent;
    }
    if (known >= expected || silent) continue;
    if (now_ms - *first_ms_ <= settings_.hung_after_ms) continue;
    View view;
    view.accelerator = type == gpu ? &nobody_gpu : &nobody_npu;
    view.missing = true;
    views.push_back(view);
  }
}

}  // namespace godwit
