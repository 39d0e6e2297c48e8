// What a relay knows of a node and when it counts: shared by the decisions about its Node object.
#pragma once

#include <cstdint>
#include <optional>

#include "cloud/npu_report.h"
#include "cloud/problems.h"

namespace godwit {

struct NodeLimits {
  std::int64_t min_interval_ms = 10'000;  // between readings that are written
  std::int64_t stale_after_ms = 180'000;  // then a reading is nobody's present any more
  std::int64_t heartbeat_ms = 300'000;    // of conditions that do not change
  bool annotations = true;                // which of the two are wanted
  bool conditions = true;
};

struct NodeView {
  std::int64_t live_ms = 0;               // newest tick of a live frame; 0: none came
  std::int64_t since_ms = 0;              // the first such tick since it was silent last
  std::optional<NpuReport> report;        // the newest
  std::optional<ProblemReport> problems;  // the newest
  bool online = false;                    // its agent is connected to the broker
};

}  // namespace godwit
