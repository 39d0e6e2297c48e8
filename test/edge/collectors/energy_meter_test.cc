#include "edge/collectors/energy_meter.h"

#include <catch2/catch.hpp>

#include "transport/text.h"

using namespace godwit;

TEST_CASE("energy never falls, and nothing is made up for a gap") {
  EnergyMeter energy;
  CHECK(energy.add("a", 100, 10'000) == 0);
  CHECK(energy.add("a", 200, 20'000) == 1500);
  CHECK(energy.add("b", 50, 20'000) == 0);
  CHECK(energy.add("a", 200, 500'000) == 1500);
  CHECK(energy.add("a", 200, 400'000) == 1500);
  CHECK(energy.add("a", 0, 410'000) == 2500);
  // In tenths of a joule, but added up exactly.
  for (std::int64_t second = 1; second <= 10; ++second) energy.add("c", 0.04, 1000 * second);
  CHECK(energy.add("c", 0.04, 11'000) == 0.4);
}

TEST_CASE("names without end do not make meters without end") {
  EnergyMeter energy;
  for (std::size_t i = 0; i < 4 * EnergyMeter::max_meters; ++i) {
    CHECK(energy.add(concat("rail", i), 1, 1000) == 0);
  }
  energy.add("last", 1, 1000);
  CHECK(energy.add("last", 1, 2000) == 1);
}
