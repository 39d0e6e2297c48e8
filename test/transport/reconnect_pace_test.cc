#include "transport/reconnect_pace.h"

#include <map>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

Backoff::Random fixed(double value) {
  return [value] { return value; };
}

constexpr double almost_one = 1 - 1e-9;

TEST_CASE("a single node comes back soon, whatever happened") {
  ReconnectPace pace({}, fixed(almost_one));
  CHECK(pace.next_ms({.was_connected = true, .lived_ms = 60'000}) <= 500);
  for (int i = 0; i < 20; ++i) CHECK(pace.next_ms({}) <= 4000);
}

TEST_CASE("a client that is turned away, or thrown out again and again, comes back ever later") {
  ReconnectPace pace({}, fixed(almost_one));
  std::int64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t next = i % 2 == 0 ? pace.next_ms({.turned_away = true})
                                         : pace.next_ms({.was_connected = true, .lived_ms = 100});
    CHECK(next >= last);
    last = next;
  }
  CHECK(last == 60'000);
  CHECK(pace.next_ms({.was_connected = true, .lived_ms = 5000}) <= 500);
}

TEST_CASE("the size of the fleet spreads every delay, within bounds; a setting wins") {
  ReconnectPace pace({}, fixed(almost_one));
  pace.expect_fleet(10'000);
  CHECK(pace.next_ms({.was_connected = true, .lived_ms = 60'000}) == 40'000);
  CHECK(pace.next_ms({}) == 40'000);
  pace.expect_fleet(UINT64_MAX);
  CHECK(pace.next_ms({}) == 120'000);
  pace.expect_fleet(0);
  CHECK(pace.next_ms({}) <= 4000);
  ReconnectPace set({.spread_ms = 7000}, fixed(almost_one));
  set.expect_fleet(10'000);
  CHECK(set.next_ms({}) == 7000);
}

// 10,000 nodes lose their broker at one moment, because it restarts (they try again and again until
// it is back) or because the way to it is gone. Returns the most connections in a second, and when
// the last node is back. A figure of RESULTS.md.
struct Return {
  std::size_t peak = 0;
  std::int64_t last_ms = 0;
};
Return simulate(std::size_t nodes, std::uint64_t told_nodes, std::int64_t away_ms) {
  auto random = std::make_shared<std::mt19937>(1);
  const auto draw = [random] { return std::uniform_real_distribution<double>()(*random); };
  std::vector<std::unique_ptr<ReconnectPace>> paces;
  using Try = std::pair<std::int64_t, std::size_t>;
  std::priority_queue<Try, std::vector<Try>, std::greater<>> tries;
  for (std::size_t i = 0; i < nodes; ++i) {
    paces.push_back(std::make_unique<ReconnectPace>(ReconnectLimits{}, draw));
    paces.back()->expect_fleet(told_nodes);
    tries.emplace(paces.back()->next_ms({.was_connected = true, .lived_ms = 60'000}), i);
  }
  std::map<std::int64_t, std::size_t> per_second;
  Return out;
  while (!tries.empty()) {
    const auto [at_ms, node] = tries.top();
    tries.pop();
    if (at_ms < away_ms) {
      tries.emplace(at_ms + 1 + paces[node]->next_ms({}), node);
      continue;
    }
    out.peak = std::max(out.peak, ++per_second[(at_ms - away_ms) / 1000]);
    out.last_ms = std::max(out.last_ms, at_ms - away_ms);
  }
  return out;
}

TEST_CASE("a fleet of ten thousand comes back to a broker at a rate that it can take") {
  for (const std::int64_t away_ms : {0, 3'000, 60'000, 600'000}) {
    const Return spread = simulate(10'000, 10'000, away_ms);
    INFO("away for " << away_ms / 1000 << " s: at most " << spread.peak
                     << " connections a second, the last after " << spread.last_ms
                     << " ms; without a fleet told " << simulate(10'000, 0, away_ms).peak);
    CHECK(spread.peak < 650);
    CHECK(spread.last_ms <= 40'000);
  }
  CHECK(simulate(1, 1, 600'000).last_ms <= 4000);
  CHECK(simulate(100, 100, 0).last_ms <= 500);
}

}  // namespace
}  // namespace godwit
