#include "cloud/guards.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

Frame make_frame(std::vector<std::int64_t> times) {
  Frame frame;
  for (std::size_t t = 0; t < times.size(); ++t) frame.seqs.push_back(t + 1);
  frame.columns = {std::vector<double>(times.size(), 1), std::vector<double>(times.size(), 2)};
  frame.times_ms = std::move(times);
  return frame;
}

TEST_CASE("ticks outside the window go, with their samples counted by reason") {
  Frame frame = make_frame({INT64_MIN, 899, 900, 1000, 1100, 1101, INT64_MAX});
  frame.columns[1][0] = absent;
  const DropCounts dropped = drop_unwanted_ticks(frame, 1000, {100, 100});
  REQUIRE(dropped == DropCounts{{"too_old", 3}, {"future", 4}});
  REQUIRE(frame.times_ms == std::vector<std::int64_t>{900, 1000, 1100});
  REQUIRE(frame.seqs == std::vector<std::uint64_t>{3, 4, 5});
  REQUIRE(frame.columns[0].size() == 3);
}

TEST_CASE("without a bound any age is right") {
  Frame frame = make_frame({INT64_MIN, 0});
  REQUIRE(drop_unwanted_ticks(frame, 1000, {100, 0}).empty());
  REQUIRE(frame.ticks() == 2);
}

TEST_CASE("ticks of one millisecond become one, and a series keeps its first value there") {
  Frame frame = make_frame({5, 5, 5, 6});
  frame.columns[0] = {10, 11, 10, 13};
  frame.columns[1] = {absent, 20, absent, 21};
  REQUIRE(drop_unwanted_ticks(frame, 5, {100, 0}) == DropCounts{{"same_time", 1}});
  REQUIRE(frame.times_ms == std::vector<std::int64_t>{5, 6});
  REQUIRE(frame.columns[0] == std::vector<double>{10, 13});
  REQUIRE(frame.columns[1] == std::vector<double>{20, 21});
}

TEST_CASE("all of a frame may go") {
  Frame frame = make_frame({500, 600});
  REQUIRE(drop_unwanted_ticks(frame, 0, {100, 0}) == DropCounts{{"future", 4}});
  REQUIRE(frame.ticks() == 0);
  REQUIRE(frame.columns[0].empty());
}

TEST_CASE("samples behind their series' newest go one by one") {
  Frame frame;
  frame.seqs = {1, 2, 3};
  frame.times_ms = {1000, 2000, 3000};
  frame.columns = {{1, 2, 3}, {4, absent, 6}, {7, 8, 9}};
  const std::int64_t newest_ms[] = {2000, 9000, INT64_MIN};
  REQUIRE(drop_late_samples(frame, newest_ms) == 3);
  REQUIRE(is_absent(frame.columns[0][0]));
  REQUIRE(frame.columns[0][1] == 2);  // the same time is not older
  for (const double value : frame.columns[1]) REQUIRE(is_absent(value));
  REQUIRE(frame.columns[2] == std::vector<double>{7, 8, 9});
}

}  // namespace
}  // namespace godwit
