#include "cloud/admission.h"

#include <algorithm>
#include <map>
#include <queue>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

TEST_CASE("with room everybody enters, without it nobody") {
  Admission admission(1);
  REQUIRE(admission.admit("a", 0.99, 0) == 0);
  const auto wait_ms = admission.admit("a", 1.0, 0);
  REQUIRE((wait_ms >= Admission::least_retry_ms && wait_ms <= Admission::longest_retry_ms));
  REQUIRE(admission.waiting() == 1);
}

TEST_CASE("who was sent away goes before who was not, and gives the place back") {
  Admission admission(1);
  REQUIRE(admission.admit("a", 1.0, 0) > 0);
  REQUIRE(admission.admit("b", 0.6, 100) > 0);
  REQUIRE(admission.admit("b", 0.4, 200) == 0);  // room for both
  REQUIRE(admission.admit("a", 0.6, 300) == 0);
  REQUIRE(admission.waiting() == 0);
  REQUIRE(admission.admit("c", 0.6, 400) == 0);
}

TEST_CASE("who does not come back loses the place") {
  Admission admission(1);
  REQUIRE(admission.admit("gone", 1.0, 0) > 0);
  REQUIRE(admission.admit("b", 0.6, 1000) > 0);
  REQUIRE(admission.admit("b", 0.6, 100'000) == 0);
}

TEST_CASE("the memory of who waits is bounded") {
  Admission admission(1);
  for (std::size_t i = 0; i < Admission::max_waiting + 1000; ++i) {
    REQUIRE(admission.admit(std::to_string(i), 1.0, 0) > 0);
  }
  REQUIRE(admission.waiting() == Admission::max_waiting);
}

// A queue with room for 40 frames that serves 20 a second, and 1,000 nodes that are back 5 ms after
// they were served. Time is the test's.
TEST_CASE("a thousand nodes at a queue of forty are served alike") {
  constexpr std::size_t room = 40;
  constexpr int nodes = 1000;
  Admission admission(7);
  using Knock = std::pair<std::int64_t, int>;
  std::priority_queue<Knock, std::vector<Knock>, std::greater<>> knocks;
  for (int node = 0; node < nodes; ++node) knocks.emplace(node % 500, node);
  std::queue<int> queue;
  std::map<int, int> served;
  std::uint64_t refused = 0;
  std::int64_t next_service_ms = 0;
  for (std::int64_t now_ms = 0; now_ms < 600'000; ++now_ms) {
    for (; !knocks.empty() && knocks.top().first <= now_ms; knocks.pop()) {
      const int node = knocks.top().second;
      const double fill = static_cast<double>(queue.size()) / room;
      const auto wait_ms = admission.admit("n" + std::to_string(node), fill, now_ms);
      if (wait_ms == 0) {
        queue.push(node);
      } else {
        ++refused;
        knocks.emplace(now_ms + wait_ms, node);
      }
    }
    if (now_ms < next_service_ms || queue.empty()) continue;
    next_service_ms = now_ms + 50;
    ++served[queue.front()];
    admission.served(now_ms);
    knocks.emplace(now_ms + 5, queue.front());
    queue.pop();
  }
  // 12,000 frames, 12 for each.
  int least = INT_MAX;
  int most = 0;
  int all = 0;
  for (int node = 0; node < nodes; ++node) {
    least = std::min(least, served[node]);
    most = std::max(most, served[node]);
    all += served[node];
  }
  INFO("least " << least << ", most " << most << ", refused " << refused);
  REQUIRE(all > 11'000);  // the database was never idle for long
  REQUIRE(least >= 3);
  REQUIRE(most <= 60);
  REQUIRE(refused < 40'000);  // few frames cross the link in vain
}

}  // namespace
}  // namespace godwit
