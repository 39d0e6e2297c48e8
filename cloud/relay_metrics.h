// What a relay says about itself and its fleet on /metrics.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "cloud/delivery.h"
#include "cloud/eventbus_gateway.h"
#include "cloud/fleet.h"
#include "cloud/guards.h"
#include "transport/link.h"

namespace godwit {

// Counted by the owner thread.
struct RelayCounters {
  std::map<std::string, std::uint64_t, std::less<>> received;  // messages by kind
  std::map<std::string, std::uint64_t, std::less<>> ignored;   // messages by reason
  std::map<std::string, std::uint64_t, std::less<>> acks;      // by verdict
  std::uint64_t unsent_acks = 0;                               // the link had no room or was away
  std::uint64_t duplicate_frames = 0;
  std::uint64_t stored_samples = 0;
  std::uint64_t found_stored_samples = 0;  // of them; by an earlier write
  DropCounts dropped_samples;              // by reason
  std::uint64_t delivered_frames = 0;
  std::uint64_t delivery_ms = 0;  // from arrival to the database's 2xx, summed over frames
};

// Sizes of the moment.
struct RelayGauges {
  std::size_t queue_frames = 0;
  std::size_t queue_bytes = 0;
  std::size_t schemas = 0;
  bool out_of_order_ok = false;
  std::int64_t out_of_order_window_ms = 0;
};

// Prometheus text of what the gateway counts.
std::string expose_eventbus(const EventbusStats& stats);

// Prometheus text.
std::string expose_relay(std::string_view relay_name, const RelayCounters& counters,
                         const RelayGauges& gauges, const DeliveryStats& writes,
                         const LinkStats& link, const Fleet& fleet);

}  // namespace godwit
