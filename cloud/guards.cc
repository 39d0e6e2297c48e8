#include "cloud/guards.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace godwit {
namespace {

// nullptr: the tick stays. Times come from the wire and may be anything.
const char* objection(std::int64_t time_ms, std::int64_t now_ms, const GuardLimits& limits) {
  if (time_ms > now_ms + limits.max_future_ms) return "future";
  if (limits.max_age_ms > 0 && time_ms < now_ms - limits.max_age_ms) return "too_old";
  return nullptr;
}

// Moves the values of tick `from` to tick `to`, which has the same time; returns how many found
// another value there. Collectors with a thread of their own may end in the same millisecond.
std::uint64_t fold_tick(Frame& frame, std::size_t from, std::size_t to) {
  std::uint64_t lost = 0;
  for (auto& column : frame.columns) {
    if (is_absent(column[from])) continue;
    if (is_absent(column[to])) {
      column[to] = column[from];
    } else if (std::bit_cast<std::uint64_t>(column[from]) !=
               std::bit_cast<std::uint64_t>(column[to])) {
      ++lost;
    }
  }
  return lost;
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
    const char* const reason = objection(frame.times_ms[t], now_wall_ms, limits);
    if (reason != nullptr) {
      for (const auto& column : frame.columns) dropped[reason] += is_absent(column[t]) ? 0 : 1;
    } else if (!kept.empty() && frame.times_ms[kept.back()] == frame.times_ms[t]) {
      const std::uint64_t lost = fold_tick(frame, t, kept.back());
      if (lost > 0) dropped["same_time"] += lost;
    } else {
      kept.push_back(t);
    }
  }
  if (kept.size() == frame.ticks()) return dropped;
  keep_only(frame.seqs, kept);
  keep_only(frame.times_ms, kept);
  for (auto& column : frame.columns) keep_only(column, kept);
  return dropped;
}

std::uint64_t drop_late_samples(Frame& frame, std::span<const std::int64_t> newest_ms) {
  std::uint64_t dropped = 0;
  for (std::size_t c = 0; c < frame.columns.size(); ++c) {
    // Times do not decrease.
    for (std::size_t t = 0; t < frame.columns[c].size() && frame.times_ms[t] < newest_ms[c]; ++t) {
      if (is_absent(frame.columns[c][t])) continue;
      frame.columns[c][t] = absent;
      ++dropped;
    }
  }
  return dropped;
}

}  // namespace godwit
