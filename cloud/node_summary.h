// NodeSummary: one node in a line, as `godwit nodes` and `godwit top` show it. What readings tell
// is the fleet page's summary (web_summary.h), so that both say the same. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/fleet.h"
#include "cloud/latest_view.h"
#include "cloud/web_summary.h"

namespace godwit {

struct NodeSummary {
  // none: nothing was heard of the node.
  enum class Health : std::uint8_t { none, ok, unknown, warning, critical };

  std::string name;
  std::string kind;  // "Jetson Orin NX 16GB", "2× Ascend 310P3", ...; "": not known
  std::string version;
  bool online = false;
  std::int64_t since_ms = 0;  // as Fleet knows it
  Health health = Health::none;
  std::vector<std::string> problems;  // "GPUHealthy: GPU 0: temperature above 85 C"
  std::optional<double> utilization;  // 0-1, of the accelerators; without one of the CPU
  std::optional<double> memory;       // 0-1, of the accelerators; without one of the host
  std::optional<double> celsius;      // the hottest sensor
  std::optional<double> watts;        // of the board, or else of its accelerators together
  WebBacklog backlog;
  std::string clock, link;           // as in NodeStatus; "": not told, nothing
  std::int64_t last_reading_ms = 0;  // 0: none was heard
  std::optional<double> day_bytes;   // over the link this UTC day
  std::optional<double> day_limit;   // its cap
};

std::string_view health_name(NodeSummary::Health health);

// `readings` may be nullptr: none were heard. The backlog is the caller's to tell.
NodeSummary summarize(std::string_view name, const NodePresence& presence,
                      const NodeReadings* readings);

}  // namespace godwit
