#include "transport/backoff.h"

#include <algorithm>
#include <cassert>
#include <random>

namespace godwit {

Backoff::Backoff(std::int64_t min_ms, std::int64_t max_ms, Random random)
    : min_ms_(min_ms), max_ms_(max_ms), bound_ms_(min_ms), random_(std::move(random)) {
  assert(min_ms > 0 && min_ms <= max_ms);
}

std::int64_t Backoff::next_ms(std::int64_t at_most_ms, std::int64_t at_least_ms) {
  const std::int64_t bound = std::max(std::min(bound_ms_, at_most_ms), at_least_ms);
  bound_ms_ = bound_ms_ > max_ms_ / 2 ? max_ms_ : bound_ms_ * 2;
  return std::min(bound, static_cast<std::int64_t>(random_() * static_cast<double>(bound + 1)));
}

Backoff::Random Backoff::system_random() {
  return [] {
    std::random_device device;
    return std::uniform_real_distribution<double>(0.0, 1.0)(device);
  };
}

}  // namespace godwit
