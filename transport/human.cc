#include "transport/human.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "transport/catalog.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

// About four digits, none of them for show.
std::string short_number(double value) {
  const double size = std::abs(value);
  if (!(size < 1e15)) return format_number(value);
  const double scale = size < 1 && size > 0 ? 1000 : size < 1000 ? 10 : 1;
  return format_number(std::round(value * scale) / scale);
}

template <std::size_t N>
std::string scaled(double value, double step, const std::array<std::string_view, N>& units) {
  std::size_t unit = 0;
  // What would be rounded to a whole step is one.
  for (; std::abs(value) >= step - 0.05 && unit + 1 < N; ++unit) value /= step;
  return concat(short_number(value), " ", units[unit]);
}

std::string human_seconds(double seconds) {
  const double size = std::abs(seconds);
  if (size == 0) return "0 s";
  if (size < 1e-3) return concat(short_number(seconds * 1e6), " µs");
  if (size < 1) return concat(short_number(seconds * 1000), " ms");
  if (size < 120 || size > 1e12) return concat(short_number(seconds), " s");
  return concat(seconds < 0 ? "-" : "", human_duration(std::llround(size * 1000)));
}

}  // namespace

std::string human_bytes(double bytes) {
  static constexpr std::array<std::string_view, 6> units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  return scaled(bytes, 1024, units);
}

std::string human_duration(std::int64_t ms) {
  const std::int64_t seconds = std::max<std::int64_t>(0, ms) / 1000;
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  const auto two = [](std::int64_t large, char a, std::int64_t small, char b) {
    std::string text = concat(large, std::string_view(&a, 1));
    if (small > 0) text += concat(small, std::string_view(&b, 1));
    return text;
  };
  if (days > 0) return two(days, 'd', hours % 24, 'h');
  if (hours > 0) return two(hours, 'h', minutes % 60, 'm');
  if (minutes >= 10) return concat(minutes, "m");
  if (minutes > 0) return two(minutes, 'm', seconds % 60, 's');
  return concat(seconds, "s");
}

std::string human_value(std::string_view metric, double value) {
  static constexpr std::array<std::string_view, 4> hertz = {"Hz", "kHz", "MHz", "GHz"};
  const MetricInfo* const info = find_metric(metric);
  if (info == nullptr || !std::isfinite(value)) return format_number(value);
  const std::string_view unit = info->unit;
  if (unit.empty()) return format_number(value);
  // A moment, which the catalog has in seconds as everything else.
  const bool is_moment = metric.ends_with("_timestamp_seconds") ||
                         metric.ends_with("_mtime_seconds") || metric == "node_time_seconds" ||
                         metric == "node_boot_time_seconds";
  if (is_moment && value > 0 && value < 1e11) return format_utc(std::llround(value * 1000));
  if (unit == "bytes") return human_bytes(value);
  if (unit == "seconds") return human_seconds(value);
  if (unit == "ratio") return concat(short_number(value * 100), " %");
  if (unit == "hertz") return scaled(value, 1000, hertz);
  if (unit == "celsius") return concat(short_number(value), " °C");
  if (unit == "watts") return concat(short_number(value), " W");
  if (unit == "volts") return concat(short_number(value), " V");
  if (unit == "amperes") return concat(short_number(value), " A");
  if (unit == "joules") return concat(short_number(value), " J");
  return concat(short_number(value), " ", unit);
}

}  // namespace godwit
