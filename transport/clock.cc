#include "transport/clock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <sys/timex.h>
#include <time.h>

#include "transport/text.h"

namespace godwit {
namespace {

std::int64_t read_ms(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

// "Z", "+02:00": minutes that local time is ahead.
std::optional<std::int64_t> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = parse_int<unsigned>(text.substr(1, 2));
  const auto minutes = parse_int<unsigned>(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t all = std::int64_t{*hours} * 60 + *minutes;
  return text[0] == '-' ? -all : all;
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

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
    return std::nullopt;
  }
  const auto year = parse_int<unsigned>(text.substr(0, 4));
  const auto month = parse_int<unsigned>(text.substr(5, 2));
  const auto day = parse_int<unsigned>(text.substr(8, 2));
  const auto hour = parse_int<unsigned>(text.substr(11, 2));
  const auto minute = parse_int<unsigned>(text.substr(14, 2));
  const auto second = parse_int<unsigned>(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::string_view rest = text.substr(19);
  double fraction = 0;
  if (rest.front() == '.') {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    const auto parsed = parse_double(concat("0", rest.substr(0, end)));
    if (end < 2 || !parsed) return std::nullopt;
    fraction = *parsed;
    rest.remove_prefix(end);
  }
  const auto offset = parse_offset(rest);
  if (!offset) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t minutes = days * 1440 + std::int64_t{*hour} * 60 + *minute - *offset;
  return (minutes * 60 + *second) * 1000 + std::llround(fraction * 1000);
}

}  // namespace godwit
