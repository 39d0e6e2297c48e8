#include "test/transport/frame_samples.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace godwit::test {
namespace {

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t end) { return random() % end; }

// Any of the 2^64 patterns, or one of the notable ones.
double any_double(Random& random) {
  static const double notable[] = {
      0.0,
      -0.0,
      1.0,
      std::numeric_limits<double>::infinity(),
      -std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::quiet_NaN(),
      std::bit_cast<double>(std::uint64_t{0x7ff0'0000'0000'0002}),  // Prometheus' stale marker
      std::bit_cast<double>(std::uint64_t{0xfff8'dead'beef'0001}),
      std::numeric_limits<double>::denorm_min(),
      std::numeric_limits<double>::min(),
      std::numeric_limits<double>::max(),
      -std::numeric_limits<double>::max(),
      9007199254740992.0,
      -9007199254740993.0,
      9.3e18,
      1.8446744073709552e19,
      0.1 + 0.2};
  if (below(random, 3) == 0) return notable[below(random, std::size(notable))];
  const double value = std::bit_cast<double>(random());
  return is_absent(value) ? 0.0 : value;
}

std::function<double()> column_source(Random& random) {
  const double start =
      static_cast<double>(static_cast<std::int64_t>(random()) >> (12 + below(random, 50)));
  const double power = std::pow(10.0, static_cast<double>(below(random, 13)));
  const auto reach = std::int64_t{1} << below(random, 40);
  switch (below(random, 6)) {
    case 0:
      return [start, power] { return start / power; };
    case 1:
      return [&random, value = start, power, reach]() mutable {
        value += static_cast<double>(static_cast<std::int64_t>(random()) % reach);
        return value / power;
      };
    case 2:  // a counter that grows evenly
      return [&random, value = start, power, reach]() mutable {
        value += static_cast<double>(reach) * 3 + static_cast<double>(below(random, 3));
        return value / power;
      };
    case 3:
      return [&random] { return any_double(random); };
    case 4:
      return [value = any_double(random)] { return value; };
    default:
      return [&random] { return std::sqrt(static_cast<double>(random())); };
  }
}

}  // namespace

Frame random_frame(Random& random, std::size_t max_ticks, std::size_t max_columns) {
  Frame frame;
  frame.stream = random();
  frame.schema = random();
  frame.history = below(random, 2) == 0;
  if (below(random, 4) == 0) frame.keep_every = 2U << below(random, 6);
  if (below(random, 4) == 0) frame.lost = {{"full", random() >> 11}, {"thinned", 0}};
  const std::size_t ticks = 1 + below(random, max_ticks);
  std::uint64_t seq = below(random, 1000);
  auto time = static_cast<std::int64_t>(below(random, 2) * 1'795'000'000'123U);
  const bool gaps = below(random, 3) == 0;
  for (std::size_t t = 0; t < ticks; ++t) {
    frame.seqs.push_back(seq);
    frame.times_ms.push_back(time);
    seq += gaps ? 1 + below(random, 3) : 1;
    time += static_cast<std::int64_t>(gaps ? below(random, 3) * 700 : 1000);
  }
  const std::size_t columns = below(random, max_columns + 1);
  for (std::size_t c = 0; c < columns; ++c) {
    const auto next = column_source(random);
    const auto interval = 1 + below(random, 2) * below(random, 8);
    const auto losses = below(random, 3) == 0 ? below(random, 101) : 0;
    auto& column = frame.columns.emplace_back();
    for (std::size_t t = 0; t < ticks; ++t) {
      const bool there = t % interval == 0 && below(random, 100) >= losses;
      column.push_back(there ? next() : absent);
    }
  }
  return frame;
}

bool same_bits(const Frame& a, const Frame& b) {
  if (a.stream != b.stream || a.schema != b.schema || a.history != b.history ||
      a.keep_every != b.keep_every || a.lost != b.lost || a.seqs != b.seqs ||
      a.times_ms != b.times_ms) {
    return false;
  }
  const std::vector<double> nothing(a.ticks(), absent);
  for (std::size_t i = 0; i < std::max(a.columns.size(), b.columns.size()); ++i) {
    const auto& left = i < a.columns.size() ? a.columns[i] : nothing;
    const auto& right = i < b.columns.size() ? b.columns[i] : nothing;
    const auto same = [](double x, double y) {
      return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
    };
    if (!std::equal(left.begin(), left.end(), right.begin(), right.end(), same)) return false;
  }
  return true;
}

}  // namespace godwit::test
