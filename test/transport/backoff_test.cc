#include "transport/backoff.h"

#include <catch2/catch.hpp>

using godwit::Backoff;

TEST_CASE("the bound doubles up to the maximum") {
  Backoff backoff(500, 60'000, [] { return 0.999'999'999; });
  CHECK(backoff.next_ms() == 500);
  CHECK(backoff.next_ms() == 1000);
  CHECK(backoff.next_ms() == 2000);
  for (int i = 0; i < 4; ++i) backoff.next_ms();
  CHECK(backoff.next_ms() == 60'000);
  for (int i = 0; i < 200; ++i) CHECK(backoff.next_ms() == 60'000);
}

TEST_CASE("one failure may ask for a smaller bound, and does not change the next") {
  Backoff backoff(500, 60'000, [] { return 0.999'999'999; });
  for (int i = 0; i < 10; ++i) backoff.next_ms(4000);
  CHECK(backoff.next_ms(4000) == 4000);
  CHECK(backoff.next_ms() == 60'000);
}

TEST_CASE("a reset starts again at the minimum") {
  Backoff backoff(100, 1000, [] { return 0.999'999'999; });
  backoff.next_ms();
  backoff.next_ms();
  backoff.reset();
  CHECK(backoff.next_ms() == 100);
}

TEST_CASE("the wait is the random share of the bound") {
  double share = 0;
  Backoff backoff(1000, 1'000'000'000'000, [&] { return share; });
  CHECK(backoff.next_ms() == 0);
  share = 0.5;
  CHECK(backoff.next_ms() == 1000);
  share = 0.25;
  CHECK(backoff.next_ms() == 1000);
}

TEST_CASE("equal bounds and the largest bounds hold") {
  Backoff equal(7, 7, [] { return 0.999'999'999; });
  CHECK(equal.next_ms() == 7);
  CHECK(equal.next_ms() == 7);
  Backoff large(1, INT64_MAX / 2, [] { return 0.0; });
  for (int i = 0; i < 100; ++i) CHECK(large.next_ms() == 0);
}

TEST_CASE("the system's random numbers differ and stay in their range") {
  const auto random = Backoff::system_random();
  double first = random();
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const double value = random();
    CHECK((value >= 0.0 && value < 1.0));
    differs = differs || value != first;
  }
  CHECK(differs);
}
