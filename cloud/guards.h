// Guards: what the relay leaves out of a frame before a database sees it. A sample from the future
// would make every other node "too old" in Prometheus before 2.54; a sample behind the database's
// window is refused together with its neighbours.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "transport/frame.h"

namespace godwit {

struct GuardLimits {
  std::int64_t max_future_ms = 300'000;
  std::int64_t max_age_ms = 0;  // 0: any age
};

using DropCounts = std::map<std::string, std::uint64_t>;  // samples by reason

// Removes whole ticks: "future", "too_old", and "same_time" for a tick at the millisecond of the
// one before it, of which a series can hold only one. All of them may go.
DropCounts drop_unwanted_ticks(Frame& frame, std::int64_t now_wall_ms, const GuardLimits& limits);

}  // namespace godwit
