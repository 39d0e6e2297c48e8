#include "transport/reconnect_pace.h"

#include <algorithm>

namespace godwit {
namespace {

// A connection that lived this long ends a row of failures. One that ends sooner (a second client
// with the same id, a broker that throws us out) does not, so that two do not kick each other out
// many times a second.
constexpr std::int64_t settled_ms = 5000;
// A broker of TLS clients takes some hundred connections a second.
constexpr std::uint64_t spread_per_node_ms = 4;
constexpr std::uint64_t longest_spread_ms = 120'000;

}  // namespace

void ReconnectPace::expect_fleet(std::uint64_t nodes) {
  if (limits_.spread_ms > 0) return;
  const std::uint64_t counted = std::min(nodes, longest_spread_ms / spread_per_node_ms);
  spread_ms_ = static_cast<std::int64_t>(counted * spread_per_node_ms);
}

std::int64_t ReconnectPace::next_ms(const End& end) {
  if (end.was_connected && end.lived_ms >= settled_ms) backoff_.reset();
  // Two clients with one id throw each other out: neither may come back fast.
  const bool is_slow = end.turned_away || end.was_connected;
  return backoff_.next_ms(is_slow ? limits_.max_ms : limits_.unreachable_max_ms, spread_ms_);
}

}  // namespace godwit
