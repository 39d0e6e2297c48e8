#include "edge/health.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t show_interval_ms = 10'000;
constexpr std::size_t max_judges = 5;
constexpr std::size_t max_record_lines = 32;

bool same(const std::vector<Condition>& a, const std::vector<Condition>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Condition& x, const Condition& y) {
                      return x.type == y.type && x.status == y.status && x.reason == y.reason &&
                             x.message == y.message;
                    });
}

}  // namespace

Health::Health(HealthSettings settings) : settings_(settings) {
  judges_.emplace_back(settings_.thresholds, settings_);
}

void Health::judge(const HealthTime& now) {
  for (auto& judge : judges_) judge.judge(accelerators_, earlier_, now.boot_ms, now.wall_ms);
}

void Health::observe(std::string_view collector, const Status& status, Batch& batch,
                     const HealthTime& now) {
  const std::lock_guard lock(mutex_);
  if (accelerators_.observe(collector, status, batch, now.boot_ms)) judge(now);
}

Batch Health::take_series(const HealthTime& now) {
  const std::lock_guard lock(mutex_);
  Batch out;
  const bool is_due =
      shown_ms_ < 0 || now.boot_ms / show_interval_ms != shown_ms_ / show_interval_ms;
  if (is_due) judge(now);
  const Judge& own = judges_.front();
  const bool is_news = !same(own.conditions(), shown_) || own.states() != shown_states_;
  if (!is_due && !is_news) return out;
  shown_ms_ = now.boot_ms;
  count_problems();
  shown_ = own.conditions();
  shown_states_ = own.states();
  for (std::size_t i = 0; i < shown_states_.size(); ++i) {
    const Accelerator& it = accelerators_.all()[i];
    if (it.id.empty()) continue;
    const std::string_view type = it.type == AcceleratorType::gpu ? "gpu" : "npu";
    for (const std::string_view state : {"ok", "degraded", "failed", "unknown"}) {
      out.add("hw_status",
              {{"hw_id", it.id}, {"hw_state", std::string(state)}, {"hw_type", std::string(type)}},
              state == shown_states_[i] ? 1 : 0);
    }
  }
  add_problems(out);
  return out;
}

void Health::count_problems() {
  for (const auto& it : judges_.front().conditions()) {
    if (it.status != ConditionStatus::problem) continue;
    const bool was_there = std::any_of(shown_.begin(), shown_.end(), [&](const Condition& before) {
      return before.type == it.type && before.status == it.status && before.reason == it.reason;
    });
    if (!was_there) ++came_[{it.type, it.reason}];
  }
}

void Health::add_problems(Batch& out) const {
  for (const auto& [problem, times] : came_) {
    out.add("godwit_problems_total",
            {{"type", std::string(problem.first)}, {"reason", std::string(problem.second)}},
            static_cast<double>(times));
  }
  for (const auto& it : shown_) {
    const Label type = {"type", std::string(it.type)};
    const Label reason = {"reason", std::string(it.reason)};
    if (it.status != ConditionStatus::unknown) {
      const bool is_problem = it.status == ConditionStatus::problem;
      out.add("godwit_problem", {type, reason}, is_problem ? 1 : 0);
    }
    if (it.status != ConditionStatus::no_problem) {
      out.add_info("godwit_problem_info", {type, reason, {"message", it.message}});
    }
    if (it.since_wall_ms) {
      out.add("godwit_problem_transition_timestamp_seconds", {type},
              std::floor(static_cast<double>(*it.since_wall_ms) / 1000));
    }
  }
}

std::vector<Condition> Health::conditions(const HealthTime& now) {
  return conditions(settings_.thresholds, now);
}

std::vector<Condition> Health::conditions(const HealthThresholds& thresholds,
                                          const HealthTime& now) {
  const std::lock_guard lock(mutex_);
  auto it = std::find_if(judges_.begin(), judges_.end(),
                         [&](const Judge& judge) { return judge.thresholds() == thresholds; });
  if (it == judges_.end()) {
    if (judges_.size() >= max_judges) judges_.erase(judges_.begin() + 1);
    judges_.emplace_back(thresholds, settings_);
    it = judges_.end() - 1;
  }
  it->judge(accelerators_, earlier_, now.boot_ms, now.wall_ms);
  return it->conditions();
}

std::string Health::record() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& it : judges_.front().conditions()) {
    if (!it.since_wall_ms) continue;
    text += concat(it.type, " ", status_name(it.status), " ", *it.since_wall_ms, "\n");
  }
  return text;
}

void Health::restore(std::string_view record) {
  const std::lock_guard lock(mutex_);
  for (const auto line : split_lines(record)) {
    const auto fields = split_blanks(line);
    const auto wall_ms = fields.size() == 3 ? parse_int(fields[2]) : std::nullopt;
    if (!wall_ms || earlier_.size() >= max_record_lines) continue;
    for (const auto status :
         {ConditionStatus::no_problem, ConditionStatus::problem, ConditionStatus::unknown}) {
      if (fields[1] == status_name(status)) {
        earlier_[std::string(fields[0])] = {status, *wall_ms};
      }
    }
  }
}

}  // namespace godwit
