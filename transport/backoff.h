// Backoff: how long to wait before the next try. Full jitter: a random share of a bound that
// doubles with each failure, so that a fleet that lost its broker at one moment does not come back
// at one moment. Used by MqttLink and by whoever else retries.
#pragma once

#include <cstdint>
#include <functional>

namespace godwit {

class Backoff {
 public:
  // A number in [0, 1).
  using Random = std::function<double()>;

  // 0 < min_ms <= max_ms.
  Backoff(std::int64_t min_ms, std::int64_t max_ms, Random random = system_random());

  // For the k-th failure since reset(), k from 0: uniform in [0, min(max_ms, min_ms * 2^k)], or
  // less when this failure calls for a bound of at most `at_most_ms`, or more when it must be
  // spread over at least `at_least_ms`.
  std::int64_t next_ms(std::int64_t at_most_ms = INT64_MAX, std::int64_t at_least_ms = 0);
  void reset() { bound_ms_ = min_ms_; }

  // From the system's entropy, so that nodes cloned from one image differ.
  static Random system_random();

 private:
  std::int64_t min_ms_;
  std::int64_t max_ms_;
  std::int64_t bound_ms_;
  Random random_;
};

}  // namespace godwit
