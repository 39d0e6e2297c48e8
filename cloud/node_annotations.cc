#include "cloud/node_annotations.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <nlohmann/json.hpp>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;
using State = NpuChip::State;

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr double largest = 9e15;  // exact as integer, far beyond any memory

// The series come from a node: no value may be one that an integer cannot hold.
std::optional<std::int64_t> round_to_integer(std::optional<double> value) {
  if (!value || !std::isfinite(*value) || std::fabs(*value) > largest) return std::nullopt;
  return std::llround(*value);
}

std::optional<double> times(std::optional<double> value, double factor) {
  return value ? std::optional(*value * factor) : std::nullopt;
}

// "45" or "45.5".
std::optional<std::string> percent_text(std::optional<double> ratio) {
  const auto tenths = round_to_integer(times(ratio, 1000));
  if (!tenths || *tenths < 0 || *tenths > 1000) return std::nullopt;
  return format_number(static_cast<double>(*tenths) / 10);
}

std::optional<std::string> integer_text(std::optional<double> value) {
  const auto integer = round_to_integer(value);
  return integer ? std::optional(std::to_string(*integer)) : std::nullopt;
}

using Field = std::optional<double> NpuChip::*;

// `fold` of all chips that have the field.
std::optional<double> fold(const NpuReport& report, Field field,
                           const std::function<double(double, double)>& fold) {
  std::optional<double> result;
  for (const auto& chip : report.chips) {
    if (const auto& value = chip.*field) result = result ? fold(*result, *value) : *value;
  }
  return result;
}

std::optional<double> sum(const NpuReport& report, Field field) {
  return fold(report, field, std::plus<>());
}

std::optional<double> mean_utilization(const NpuReport& report) {
  const auto known =
      std::count_if(report.chips.begin(), report.chips.end(),
                    [](const NpuChip& chip) { return chip.utilization.has_value(); });
  return times(sum(report, &NpuChip::utilization), 1.0 / static_cast<double>(std::max(known, 1L)));
}

std::optional<double> power(const NpuReport& report) {
  std::optional<double> watts = sum(report, &NpuChip::watts);
  for (const auto& [card, more] : report.card_watts) watts = watts.value_or(0) + more;
  return watts;
}

// Nobody can use a chip that does not say how it is.
std::string node_health(const NpuReport& report) {
  bool is_degraded = false;
  for (const auto& chip : report.chips) {
    const State state = chip.state.value_or(State::unknown);
    if (state == State::failed || state == State::unknown) return "Unhealthy";
    is_degraded = is_degraded || state == State::degraded;
  }
  return is_degraded ? "Warning" : "Healthy";
}

const char* chip_health(State state) {
  switch (state) {
    case State::ok:
      return "OK";
    case State::degraded:
      return "Warning";
    case State::failed:
      return "Alarm";
    case State::unknown:
      break;
  }
  return "Unknown";
}

void add_integer(json& out, const char* key, std::optional<double> value) {
  if (const auto integer = round_to_integer(value)) out[key] = *integer;
}

// The power of a whole card stands with its first chip, as in npu-smi's own table.
std::optional<double> chip_power(const NpuReport& report, std::size_t index) {
  const NpuChip& chip = report.chips[index];
  if (chip.watts || !chip.npu) return chip.watts;
  if (index > 0 && report.chips[index - 1].npu == chip.npu) return std::nullopt;
  for (const auto& [card, watts] : report.card_watts) {
    if (card == *chip.npu) return watts;
  }
  return std::nullopt;
}

std::string chips_text(const NpuReport& report) {
  json chips = json::array();
  for (std::size_t i = 0; i < report.chips.size(); ++i) {
    const NpuChip& chip = report.chips[i];
    json entry{{"npu", chip.npu.value_or(static_cast<std::int64_t>(i))},
               {"chip", chip.chip.value_or(0)},
               {"health", chip_health(chip.state.value_or(State::unknown))}};
    if (chip.phy_id) entry["phy_id"] = *chip.phy_id;
    if (!chip.bus_id.empty()) entry["bus_id"] = chip.bus_id;
    const auto tenths = round_to_integer(times(chip_power(report, i), 10));
    if (tenths) entry["power"] = static_cast<double>(*tenths) / 10;
    add_integer(entry, "temp", chip.celsius);
    add_integer(entry, "aicore", times(chip.utilization, 100));
    add_integer(entry, "hbm_used", times(chip.memory_used, 1 / mebibyte));
    add_integer(entry, "hbm_total", times(chip.memory_total, 1 / mebibyte));
    chips.push_back(std::move(entry));
  }
  const json whole{{"timestamp", format_seconds(report.time_ms)}, {"chips", std::move(chips)}};
  return whole.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Annotations annotate(const NpuReport& report) {
  const auto key = [](std::string_view name) { return concat(annotation::prefix, name); };
  const auto total = sum(report, &NpuChip::memory_total);
  const auto used = sum(report, &NpuChip::memory_used);
  std::optional<double> share;
  if (used && total && *total > 0) share = *used / *total;
  std::int64_t faults = 0;
  for (const auto& chip : report.chips) faults += chip.faults;
  const auto higher = [](double a, double b) { return std::max(a, b); };
  return {
      {key("utilization"), percent_text(mean_utilization(report))},
      {key("hbm-total"), integer_text(total)},
      {key("hbm-used"), integer_text(used)},
      {key("hbm-utilization"), percent_text(share)},
      {key("temperature"), integer_text(fold(report, &NpuChip::celsius, higher))},
      {key("power"), integer_text(power(report))},
      {key("error-count"), std::to_string(faults)},
      {key("aicore-count"), std::to_string(report.chips.size())},
      {std::string(annotation::health), node_health(report)},
      {std::string(annotation::updated), format_seconds(report.time_ms)},
      {std::string(annotation::chips), chips_text(report)},
  };
}

Annotations annotate_stale(std::int64_t time_ms) {
  Annotations all = annotate({});
  for (auto& [key, value] : all) value.reset();
  all[std::string(annotation::health)] = "Unhealthy";
  all[std::string(annotation::updated)] = format_seconds(time_ms);
  return all;
}

std::string format_seconds(std::int64_t wall_ms) {
  return concat(format_utc(wall_ms).substr(0, 19), "Z");
}

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  if (text.size() != 20) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return parse_int<int>(text.substr(at, size)).value_or(-1);
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1) return std::nullopt;
  // Days since 1970 of the civil calendar, years beginning in March.
  const int y = year - (month <= 2 ? 1 : 0);
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t days =
      std::int64_t{y} * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719'468;
  const std::int64_t seconds =
      days * 86'400 + number(11, 2) * 3600LL + number(14, 2) * 60LL + number(17, 2);
  // Whatever else is wrong with the text shows when it is written anew.
  if (format_seconds(seconds * 1000) != text) return std::nullopt;
  return seconds * 1000;
}

}  // namespace godwit
