// What the agent says of itself: buffer, link, clock, and what it costs. Not in the collectors'
// registry because it needs the agent's state. Owner thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "edge/link_meter.h"
#include "edge/link_settings.h"
#include "edge/uplink.h"
#include "transport/link.h"
#include "transport/metric.h"

namespace godwit {

struct SelfState {
  std::string pod, pod_namespace;  // where it runs; empty outside of Kubernetes
  BufferStats buffer;
  std::uint64_t buffer_limit_bytes = 0;
  bool buffer_in_memory = false;
  Durability durability = Durability::balanced;
  std::optional<std::int64_t> oldest_age_ms;
  std::uint64_t gathered_ticks = 0;  // not in a row yet
  UplinkStats uplink;
  LinkStats link;
  std::optional<LinkUsage> link_day, link_month;
  LinkLimits link_limits;
  LinkBudget::State link_budget = LinkBudget::State::open;
  std::string_view clock_state = "unknown";
  std::optional<BootClock::Facts> clock;
};

void add_self_readings(const SelfState& state, Batch& out);

// Of this process, from /proc/self; nullopt where the kernel does not tell.
struct ProcessUsage {
  std::optional<double> resident_bytes;
  std::optional<double> written_bytes;  // handed to the storage layer
  double cpu_seconds = 0;
};
ProcessUsage process_usage();

}  // namespace godwit
