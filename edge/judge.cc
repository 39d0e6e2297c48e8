#include "edge/judge.h"

#include <algorithm>

namespace godwit {
namespace {

using View = AcceleratorView;

constexpr auto gpu = AcceleratorType::gpu;
constexpr auto npu = AcceleratorType::npu;

// A problem that began above its threshold goes on until the value is so far below it.
constexpr double temperature_margin_c = 3;
constexpr double memory_margin_percent = 2;
constexpr std::int64_t xid_memory_ms = 3'600'000;
Accelerator nobody(AcceleratorType type) {
  Accelerator it;
  it.type = type;
  return it;
}
const Accelerator nobody_gpu = nobody(gpu);
const Accelerator nobody_npu = nobody(npu);

std::string_view state_of(const View& view) {
  const auto& reported = view.accelerator->reported;
  if (view.failed || view.missing || view.hung) return "failed";
  if (view.silent) return "unknown";
  if (view.hot || view.throttled || view.xid) return "degraded";
  return reported && reported->value == "degraded" ? "degraded" : "ok";
}

}  // namespace

bool Judge::Latch::update(bool begins, bool goes_on, std::int64_t now_ms,
                          std::int64_t recovery_ms) {
  if (begins) on = true;
  if (begins || goes_on) last_cause_ms = now_ms;
  if (now_ms - last_cause_ms >= recovery_ms) on = on && (begins || goes_on);
  return on;
}

AcceleratorView Judge::look(const Accelerator& it, const Accelerators& all, std::int64_t now_ms) {
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
  for (auto& condition : apply_rules(views, accelerators, thresholds_)) {
    const auto old = std::find_if(before.begin(), before.end(), [&](const Condition& other) {
      return other.type == condition.type;
    });
    const bool goes_on = old != before.end() && old->status == condition.status;
    condition.since_boot_ms = goes_on ? old->since_boot_ms : now_ms;
    if (goes_on) condition.since_wall_ms = old->since_wall_ms;
    const auto stored = earlier.find(condition.type);
    if (old == before.end() && stored != earlier.end() &&
        stored->second.first == condition.status) {
      condition.since_wall_ms = stored->second.second;
    }
    if (!condition.since_wall_ms && wall_ms) {
      condition.since_wall_ms = *wall_ms - (now_ms - condition.since_boot_ms);
    }
    conditions_.push_back(std::move(condition));
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
