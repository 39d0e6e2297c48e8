#include "cloud/dedup.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

TEST_CASE("what is stored is known by node and stream") {
  Dedup dedup;
  dedup.add("n", 1, 5, 9);
  REQUIRE(dedup.first_missing("n", 1, 5) == 10);
  REQUIRE(dedup.first_missing("n", 1, 9) == 10);
  REQUIRE(dedup.first_missing("n", 1, 4) == 4);
  REQUIRE(dedup.first_missing("n", 1, 10) == 10);
  REQUIRE(dedup.first_missing("n", 2, 5) == 5);
  REQUIRE(dedup.first_missing("m", 1, 5) == 5);
}

TEST_CASE("fresh ticks before the backlog do not hide the backlog") {
  Dedup dedup;
  dedup.add("n", 1, 100, 110);
  REQUIRE(dedup.first_missing("n", 1, 1) == 1);
  dedup.add("n", 1, 1, 50);
  REQUIRE(dedup.first_missing("n", 1, 1) == 51);
  dedup.add("n", 1, 51, 99);
  REQUIRE(dedup.first_missing("n", 1, 1) == 111);
}

TEST_CASE("ranges that touch or overlap become one, up to the largest number") {
  Dedup dedup;
  dedup.add("n", 1, 10, 20);
  dedup.add("n", 1, 30, 40);
  dedup.add("n", 1, 15, 35);
  REQUIRE(dedup.first_missing("n", 1, 10) == 41);
  dedup.add("n", 1, 0, 9);
  REQUIRE(dedup.first_missing("n", 1, 0) == 41);
  dedup.add("n", 1, 41, UINT64_MAX);
  REQUIRE(dedup.first_missing("n", 1, 7) == UINT64_MAX);
  dedup.add("n", 1, 0, UINT64_MAX);
  REQUIRE(dedup.first_missing("n", 1, 0) == UINT64_MAX);
}

TEST_CASE("memory is bounded and the oldest knowledge goes first") {
  Dedup dedup(2);
  dedup.add("a", 1, 1, 1);
  dedup.add("b", 1, 1, 1);
  REQUIRE(dedup.first_missing("a", 1, 1) == 2);  // a is the fresher one now
  dedup.add("c", 1, 1, 1);
  REQUIRE(dedup.size() == 2);
  REQUIRE(dedup.first_missing("a", 1, 1) == 2);
  REQUIRE(dedup.first_missing("b", 1, 1) == 1);
  for (std::uint64_t i = 0; i <= Dedup::max_ranges; ++i) dedup.add("a", 2, 10 * i, 10 * i + 1);
  REQUIRE(dedup.first_missing("a", 2, 0) == 0);    // the lowest was forgotten
  REQUIRE(dedup.first_missing("a", 2, 10) == 12);  // the others were not
}

}  // namespace
}  // namespace godwit
