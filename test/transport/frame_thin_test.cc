#include "transport/frame_thin.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "test/transport/frame_samples.h"

namespace godwit {
namespace {

// `every[i]`: series i has the value 1000 * i + t at the ticks t that it divides.
Frame ticks_of(std::size_t count, const std::vector<std::size_t>& every) {
  Frame frame;
  for (std::size_t t = 0; t < count; ++t) {
    frame.seqs.push_back(100 + t);
    frame.times_ms.push_back(static_cast<std::int64_t>(1000 * t));
  }
  for (std::size_t i = 0; i < every.size(); ++i) {
    auto& column = frame.columns.emplace_back(count, absent);
    for (std::size_t t = 0; t < count; t += every[i]) {
      column[t] = static_cast<double>(1000 * i + t);
    }
  }
  return frame;
}

std::size_t values(const std::vector<double>& column) {
  return static_cast<std::size_t>(
      std::count_if(column.begin(), column.end(), [](double v) { return !is_absent(v); }));
}

// What is left is what was, bit for bit, and what went is told.
void check_exact(const Frame& before, const Frame& after, const std::vector<std::uint64_t>& gone) {
  REQUIRE(after.ticks() + gone.size() == before.ticks());
  REQUIRE(after.columns.size() == before.columns.size());
  std::size_t left = 0;
  for (std::size_t t = 0; t < before.ticks(); ++t) {
    if (std::binary_search(gone.begin(), gone.end(), before.seqs[t])) continue;
    REQUIRE(after.seqs[left] == before.seqs[t]);
    CHECK(after.times_ms[left] == before.times_ms[t]);
    for (std::size_t i = 0; i < before.columns.size(); ++i) {
      CHECK(std::bit_cast<std::uint64_t>(after.columns[i][left]) ==
            std::bit_cast<std::uint64_t>(before.columns[i][t]));
    }
    ++left;
  }
  CHECK(left == after.ticks());
}

TEST_CASE("every second tick of a plain frame stays") {
  const Frame before = ticks_of(20, {1, 1, 1});
  Frame after = before;
  const auto gone = thin_frame(after, {});
  CHECK(gone.size() == 10);
  CHECK(after.seqs.front() == 101);
  CHECK(after.seqs.back() == 119);
  check_exact(before, after, gone);
}

TEST_CASE("slow collectors' series are thinned like the others, not lost with the ticks") {
  // Ticks of two collectors in turn, and series at every fifth and tenth tick.
  Frame before = ticks_of(40, {2, 2, 5, 10, 40});
  before.columns.push_back(std::vector<double>(40, absent));
  for (std::size_t t = 1; t < 40; t += 2) before.columns.back()[t] = 1;
  Frame after = before;
  const auto gone = thin_frame(after, {});
  check_exact(before, after, gone);
  CHECK(after.ticks() <= 26);
  for (std::size_t i = 0; i < before.columns.size(); ++i) {
    CAPTURE(i);
    CHECK(values(after.columns[i]) >= std::max<std::size_t>(1, values(before.columns[i]) / 2));
  }
}

TEST_CASE("where each tick has series of its own, ticks go all the same; lasting series stay") {
  Frame before = ticks_of(32, {1});
  std::vector<bool> lasting(1);
  for (std::size_t t = 0; t < 32; ++t) {
    before.columns.emplace_back(32, absent)[t] = 7;
    lasting.push_back(t == 4 || t == 9);
  }
  Frame after = before;
  const auto gone = thin_frame(after, lasting);
  check_exact(before, after, gone);
  CHECK(after.ticks() == 17);  // 16, and tick 4 for its info series
  CHECK(values(after.columns[1 + 4]) == 1);
  CHECK(values(after.columns[1 + 9]) == 1);
}

TEST_CASE("a single tick stays, and so do the only ticks of different collectors") {
  Frame one = ticks_of(1, {1});
  CHECK(thin_frame(one, {}).empty());
  Frame two = ticks_of(2, {2});
  two.columns.push_back({absent, 5});
  CHECK(thin_frame(two, {}).empty());
  Frame empty = ticks_of(3, {});
  CHECK(thin_frame(empty, {}).size() == 1);
  CHECK(empty.ticks() == 2);
}

TEST_CASE("thinning random frames again and again leaves exact values and one per series") {
  std::mt19937_64 random(GENERATE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  for (int n = 0; n < 20; ++n) {
    const Frame before = test::random_frame(random, 60, 20);
    const std::vector<bool> lasting(before.columns.size(), true);
    Frame after = before;
    std::vector<std::uint64_t> gone;
    for (int round = 0; round < 6; ++round) {
      const auto more = thin_frame(after, lasting);
      gone.insert(gone.end(), more.begin(), more.end());
      REQUIRE(after.ticks() > 0);
    }
    std::sort(gone.begin(), gone.end());
    check_exact(before, after, gone);
    for (std::size_t i = 0; i < before.columns.size(); ++i) {
      CHECK((values(before.columns[i]) == 0) == (values(after.columns[i]) == 0));
    }
    REQUIRE(decode_frame(encode_frame(after), after).ok());
  }
}

}  // namespace
}  // namespace godwit
