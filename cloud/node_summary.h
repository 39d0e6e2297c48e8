// NodeSummary: one node in a line, as a fleet is shown to people: `godwit nodes` and `godwit top`.
// Pure: from what the status topic and the readings say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/fleet.h"
#include "cloud/latest_view.h"

namespace godwit {

struct NodeSummary {
  // The worst accelerator's; none: the node has none, or nothing was heard of it.
  enum class Health : std::uint8_t { none, ok, unknown, degraded, failed };

  std::string name;
  std::string kind;  // "Jetson Orin NX 16GB", "2× Ascend 310P3", ...; "": not known
  std::string version;
  bool online = false;
  std::int64_t since_ms = 0;  // as Fleet knows it
  Health health = Health::none;
  std::vector<std::string> problems;  // "GPUHealthy: GPU 0: temperature above 85 C"
  std::optional<double> utilization;  // 0-1, of the busiest accelerator; without one of the CPU
  std::optional<double> memory;       // 0-1, of the fullest accelerator; without one of the host
  std::optional<double> celsius;      // the hottest sensor
  std::optional<double> watts;        // of the board, or else of its accelerators together
  std::uint64_t backlog_ticks = 0;
  std::optional<double> backlog_seconds;  // age of the oldest tick that waits
  bool catching_up = false;               // the last frame was backlog
  std::string clock, link;                // as in NodeStatus; "": not told, nothing
  std::int64_t last_reading_ms = 0;       // 0: none was heard
  std::optional<double> day_bytes;        // over the link this UTC day
};

std::string_view health_name(NodeSummary::Health health);

// `readings` may be nullptr: none were heard.
NodeSummary summarize(std::string_view name, const NodePresence& presence,
                      const NodeReadings* readings);

}  // namespace godwit
