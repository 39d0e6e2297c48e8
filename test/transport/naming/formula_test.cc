#include "transport/naming/formula.h"

#include <cmath>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

constexpr double stale = std::bit_cast<double>(stale_marker_bits);

double value_of(How how, std::vector<double> a, std::vector<double> b = {}, double scale = 1) {
  Formula formula{how, scale, {}, static_cast<std::uint32_t>(a.size())};
  a.insert(a.end(), b.begin(), b.end());
  for (std::uint32_t i = 0; i < a.size(); ++i) formula.inputs.push_back(i);
  return evaluate(formula, [&](std::uint32_t column) { return a[column]; });
}

TEST_CASE("what a row of a name set can compute") {
  CHECK(value_of(How::copy, {absent, 3, 4}) == 3);
  CHECK(value_of(How::copy, {0.453}, {}, 100) == 45.3);
  CHECK(value_of(How::copy, {1e15 + 1}) == 1e15 + 1);
  CHECK(value_of(How::sum, {1, absent, 2.5}) == 3.5);
  CHECK(value_of(How::mean, {1, absent, 2}) == 1.5);
  CHECK(value_of(How::largest, {-3, -2, absent}) == -2);
  CHECK(value_of(How::count, {0, absent, 1}) == 2);
  CHECK(value_of(How::zero, {absent, 7}) == 0);
  CHECK(value_of(How::ratio, {1, 2}, {4, 8}, 100) == 25);
  CHECK(value_of(How::difference, {5}, {7}) == -2);
  CHECK(value_of(How::whole_or_zero, {0.063}, {0.063, 0.5}, 100) == 7);
  CHECK(value_of(How::whole_or_zero, {0.07}, {0.07}, 100) == 7);
  CHECK(value_of(How::whole_or_zero, {absent}, {absent, 0.5}, 100) == 0);
  const double now = 3 * 86'400 + 4 * 3600 + 5 * 60 + 59.9;
  CHECK(value_of(How::days, {now}, {0}) == 3);
  CHECK(value_of(How::hours, {now}, {0}) == 4);
  CHECK(value_of(How::minutes, {now}, {0}) == 5);
}

TEST_CASE("what is not known is not computed") {
  for (const How how : {How::copy, How::sum, How::mean, How::largest, How::count, How::zero}) {
    CHECK(is_absent(value_of(how, {absent, absent})));
  }
  CHECK(is_absent(value_of(How::ratio, {1}, {0})));
  CHECK(is_absent(value_of(How::ratio, {1}, {absent})));
  CHECK(is_absent(value_of(How::difference, {absent}, {1})));
  CHECK(is_absent(value_of(How::whole_or_zero, {absent}, {absent})));
}

TEST_CASE("a series ends under its other name too") {
  CHECK(is_stale_marker(value_of(How::copy, {stale}, {}, 100)));
  CHECK(is_stale_marker(value_of(How::sum, {stale, absent})));
  CHECK(value_of(How::sum, {stale, 2}) == 2);
  CHECK(is_stale_marker(value_of(How::ratio, {stale}, {stale})));
}

TEST_CASE("a frame gets columns behind its schema's, and no more than there is room for") {
  Frame frame;
  frame.seqs = {1, 2};
  frame.times_ms = {1000, 2000};
  frame.columns = {{1, absent}};
  // The schema has three series, the frame's last two columns are left out.
  append_columns({{How::copy, 10, {0}, 1}, {How::copy, 1, {2}, 1}, {How::sum, 1, {0, 2}, 2}}, 3,
                 frame);
  REQUIRE(frame.columns.size() == 6);
  CHECK(frame.columns[1].empty());
  CHECK(frame.columns[3][0] == 10);
  CHECK(is_absent(frame.columns[3][1]));
  CHECK(frame.columns[4].empty());
  CHECK(frame.columns[5][0] == 1);

  Frame wide;
  wide.seqs.assign(max_frame_ticks, 1);
  wide.times_ms.assign(max_frame_ticks, 1000);
  wide.columns = {std::vector<double>(max_frame_ticks, 1)};
  append_columns(std::vector<Formula>(50, {How::copy, 2, {0}, 1}), 1, wide);
  std::size_t values = 0;
  for (const auto& column : wide.columns) values += column.size();
  CHECK(values <= max_frame_values + max_frame_ticks);
}

}  // namespace
}  // namespace godwit
