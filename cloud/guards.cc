#include "cloud/guards.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace godwit {
namespace {

// nullptr: the tick stays. Times come from the wire and may be anything.
const char* objection(std::int64_t time_ms, std::int64_t now_ms, const GuardLimits& limits) {
  if (time_ms > now_ms + limits.max_future_ms) return "future";
  if (limits.max_age_ms > 0 && time_ms < now_ms - limits.max_age_ms) return "too_old";
  return nullptr;
}

template <class T>
void keep_only(std::vector<T>& values, const std::vector<std::size_t>& kept) {
  for (std::size_t i = 0; i < kept.size(); ++i) values[i] = values[kept[i]];
  values.resize(kept.size());
}

}  // namespace

DropCounts drop_unwanted_ticks(Frame& frame, std::int64_t now_wall_ms, const GuardLimits& limits) {
  DropCounts dropped;
  std::vector<std::size_t> kept;
  kept.reserve(frame.ticks());
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    const char* reason = objection(frame.times_ms[t], now_wall_ms, limits);
    if (reason == nullptr && !kept.empty() && frame.times_ms[kept.back()] == frame.times_ms[t]) {
      reason = "same_time";
    }
    if (reason == nullptr) {
      kept.push_back(t);
      continue;
    }
    for (const auto& column : frame.columns) dropped[reason] += is_absent(column[t]) ? 0 : 1;
  }
  if (kept.size() == frame.ticks()) return dropped;
  keep_only(frame.seqs, kept);
  keep_only(frame.times_ms, kept);
  for (auto& column : frame.columns) keep_only(column, kept);
  return dropped;
}

}  // namespace godwit
