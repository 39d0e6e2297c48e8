#include "transport/naming/formula.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace godwit {
namespace {

constexpr double seconds_per_day = 86'400;

// What the present samples of some columns come to.
struct Gathered {
  std::size_t present = 0;
  std::size_t stale = 0;
  double first = 0;
  double sum = 0;
  double largest = 0;
};

template <class Value>
Gathered gather(std::span<const std::uint32_t> columns, const Value& value) {
  Gathered all;
  for (const auto column : columns) {
    const double one = value(column);
    if (is_absent(one)) continue;
    if (is_stale_marker(one)) {
      ++all.stale;
      continue;
    }
    if (all.present == 0) all.first = one;
    all.largest = all.present == 0 ? one : std::max(all.largest, one);
    all.sum += one;
    ++all.present;
  }
  return all;
}

// Without the digits that only the change of unit made: 0.453 * 100 is 45.3.
double scaled(double value, double scale) {
  if (scale == 1) return value;
  constexpr double steps = 1e6;
  const double result = value * scale;
  return std::abs(result) < 1e9 ? std::round(result * steps) / steps : result;
}

double time_part(How how, double seconds) {
  const double days = std::floor(seconds / seconds_per_day);
  if (how == How::days) return days;
  const double rest = seconds - days * seconds_per_day;
  const double hours = std::floor(rest / 3600);
  return how == How::hours ? hours : std::floor((rest - hours * 3600) / 60);
}

double combine(How how, const Gathered& a, const Gathered& b, double scale) {
  if (how == How::whole_or_zero && a.present == 0) return b.present > 0 ? 0 : absent;
  if (a.present == 0) return absent;
  switch (how) {
    case How::copy:
      return scaled(a.first, scale);
    case How::sum:
      return scaled(a.sum, scale);
    case How::mean:
      return scaled(a.sum / static_cast<double>(a.present), scale);
    case How::largest:
      return scaled(a.largest, scale);
    case How::count:
      return static_cast<double>(a.present);
    case How::zero:
      return 0;
    case How::code:
      return a.largest > 0 ? scale : absent;
    case How::whole_or_zero:
      return std::ceil(scaled(a.first, scale));
    default:
      break;
  }
  if (b.present == 0) return absent;
  if (how == How::ratio) return b.sum > 0 ? scaled(a.sum / b.sum, scale) : absent;
  if (how == How::difference) return scaled(a.sum - b.sum, scale);
  return time_part(how, a.sum - b.sum);
}

template <class Value>
double evaluate_with(const Formula& formula, const Value& value) {
  const std::span<const std::uint32_t> inputs = formula.inputs;
  const Gathered a = gather(inputs.first(formula.others_at), value);
  if (a.present == 0 && a.stale > 0) return std::bit_cast<double>(stale_marker_bits);
  const Gathered b = gather(inputs.subspan(formula.others_at), value);
  return combine(formula.how, a, b, formula.scale);
}

template <class Value>
bool holds(const Holders& holders, const Value& value) {
  for (std::size_t i = 0; i < holders.columns.size(); ++i) {
    const double sample = value(holders.columns[i]);
    const bool present = !is_absent(sample) && !is_stale_marker(sample);
    if (holders.held && i + 1 == holders.columns.size()) return present;
    if (present) return false;
  }
  return true;
}

}  // namespace

bool has_other(How how) {
  return how == How::ratio || how == How::difference || how == How::whole_or_zero ||
         how == How::days || how == How::hours || how == How::minutes;
}

double evaluate(const Formula& formula, const std::function<double(std::uint32_t)>& value) {
  return holds(formula.holders, value) ? evaluate_with(formula, value) : absent;
}

void append_columns(const std::vector<Formula>& formulas, std::size_t width, Frame& frame) {
  if (formulas.empty()) return;
  const std::size_t ticks = frame.ticks();
  std::size_t values = 0;
  frame.columns.resize(width);
  frame.columns.reserve(width + formulas.size());
  for (const auto& formula : formulas) {
    auto& column = frame.columns.emplace_back();
    const bool has_input =
        std::any_of(formula.inputs.begin(), formula.inputs.end(),
                    [&](std::uint32_t source) { return !frame.columns[source].empty(); });
    if (!has_input || values + ticks > max_frame_values) continue;
    values += ticks;
    column.reserve(ticks);
    bool may_go_on = true;
    for (std::size_t t = 0; t < ticks; ++t) {
      const auto value = [&](std::uint32_t source) {
        const auto& values_of = frame.columns[source];
        return values_of.empty() ? absent : values_of[t];
      };
      double sample = evaluate_with(formula, value);
      if (!is_absent(sample) && !holds(formula.holders, value)) {
        sample = may_go_on ? stale_marker : absent;
        may_go_on = false;
      } else if (!is_absent(sample)) {
        may_go_on = true;
      }
      column.push_back(sample);
    }
  }
}

}  // namespace godwit
