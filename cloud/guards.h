// Guards: what the relay leaves out of a frame before a database sees it. A sample from the future
// would make every other node "too old" in Prometheus before 2.54; a sample behind the database's
// window is refused together with its neighbours.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "transport/frame.h"

namespace godwit {

struct GuardLimits {
  std::int64_t max_future_ms = 300'000;
  std::int64_t max_age_ms = 0;  // 0: any age
};

using DropCounts = std::map<std::string, std::uint64_t>;  // samples by reason

// Removes whole ticks, counted as "future" or "too_old", and folds ticks of the same millisecond
// into one; a series can hold only one value there, so a second, different one is lost as
// "same_time". All ticks may go.
DropCounts drop_unwanted_ticks(Frame& frame, std::int64_t now_wall_ms, const GuardLimits& limits);

// Removes the samples that are older than what their series has, and returns how many: for a
// database that takes samples only in order. `newest_ms`: by column; not shorter than the columns.
std::uint64_t drop_late_samples(Frame& frame, std::span<const std::int64_t> newest_ms);

}  // namespace godwit
