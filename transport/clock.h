// Time as the rest of the code sees it. clock.cc is the one place that reads the system's clocks;
// everything else is handed a Clock, so that a test decides what time it is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace godwit {

struct TimePoint {
  // Milliseconds since 1970-01-01 UTC by CLOCK_REALTIME. May jump and may be decades wrong.
  std::int64_t wall_ms = 0;
  // Milliseconds since boot by CLOCK_BOOTTIME. Never steps; counts suspend; starts anew at boot.
  std::int64_t boot_ms = 0;
};

using Clock = std::function<TimePoint()>;

// The machine's own clock.
Clock system_clock();

// CLOCK_MONOTONIC in milliseconds, for timeouts and durations of this process.
std::int64_t steady_ms();

// True when the kernel says that the wall clock is disciplined (adjtimex: no STA_UNSYNC and no
// TIME_ERROR).
bool wall_clock_synchronised();

// "2026-11-21T03:14:15.926Z".
std::string format_utc(std::int64_t wall_ms);

// RFC 3339 to milliseconds: "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05+02:00".
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace godwit
