#include "transport/clock.h"

#include <array>
#include <cstdio>

#include <sys/timex.h>
#include <time.h>

namespace godwit {
namespace {

std::int64_t read_ms(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace

Clock system_clock() {
  return [] { return TimePoint{read_ms(CLOCK_REALTIME), read_ms(CLOCK_BOOTTIME)}; };
}

std::int64_t steady_ms() { return read_ms(CLOCK_MONOTONIC); }

bool wall_clock_synchronised() {
  timex state{};
  const int result = adjtimex(&state);
  return result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

std::string format_utc(std::int64_t wall_ms) {
  std::int64_t seconds = wall_ms / 1000;
  std::int64_t millis = wall_ms % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  const time_t t = static_cast<time_t>(seconds);
  tm parts{};
  gmtime_r(&t, &parts);
  std::array<char, 64> out{};
  const std::size_t n = strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> tail{};
  const int m = std::snprintf(tail.data(), tail.size(), ".%03dZ", static_cast<int>(millis));
  return std::string(out.data(), n) + std::string(tail.data(), static_cast<std::size_t>(m));
}

}  // namespace godwit
