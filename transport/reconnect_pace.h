// ReconnectPace: how long a link waits before it connects again. Full jitter whose bound grows with
// failures in a row, and is never below the time over which a fleet of this size should come back:
// when a broker restarts, all its nodes notice at one moment. Used by MqttLink.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include "transport/backoff.h"

namespace godwit {

struct ReconnectLimits {
  std::int64_t min_ms = 500;
  std::int64_t max_ms = 60'000;            // for a broker that turns the client away
  std::int64_t unreachable_max_ms = 4000;  // for one that cannot be reached: a try costs little
  std::int64_t spread_ms = 0;              // least bound; 0: by the size of the fleet
};

class ReconnectPace {
 public:
  // Limits that contradict each other are for check_mqtt_options() to refuse.
  explicit ReconnectPace(const ReconnectLimits& limits,
                         Backoff::Random random = Backoff::system_random())
      : limits_(limits),
        backoff_(std::max<std::int64_t>(limits.min_ms, 1),
                 std::max<std::int64_t>({limits.min_ms, limits.max_ms, 1}), std::move(random)),
        spread_ms_(limits.spread_ms) {}

  // So many nodes share the broker. Any thread.
  void expect_fleet(std::uint64_t nodes);

  // The rest: the link's thread.
  struct End {
    bool turned_away = false;  // by the broker, or it by us
    bool was_connected = false;
    std::int64_t lived_ms = 0;  // since CONNACK
  };
  // How long to wait after an attempt or a connection that ended so.
  std::int64_t next_ms(const End& end);

 private:
  const ReconnectLimits limits_;
  Backoff backoff_;
  std::atomic<std::int64_t> spread_ms_;
};

}  // namespace godwit
