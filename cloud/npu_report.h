// NpuReport: the latest word of a node about its NPUs, taken from a live frame. Used for the node's
// annotations. The canonical series are those of edge/collectors/npu_smi.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit {

struct NpuChip {
  enum class State : std::uint8_t { ok, degraded, failed, unknown };

  std::string hw_id;  // "<card>-<chip>", or what else the node calls it
  std::string bus_id;
  std::optional<std::int64_t> npu, chip;  // card, and chip on it
  std::optional<std::int64_t> phy_id;     // N of /dev/davinciN
  std::optional<State> state;
  std::optional<double> utilization;  // 0-1
  std::optional<double> celsius;
  std::optional<double> watts;                      // of the chip alone
  std::optional<double> memory_used, memory_total;  // bytes of HBM; where there is none, of DDR
  std::int64_t faults = 0;                          // codes that it reports now

  bool operator==(const NpuChip&) const = default;
};

struct NpuReport {
  std::int64_t time_ms = 0;     // when the node said it
  std::int64_t figures_ms = 0;  // when it read the chips' figures; 0: it tells states alone
  std::vector<NpuChip> chips;   // by card and chip
  // Of cards that do not tell it for each chip, by card.
  std::vector<std::pair<std::int64_t, double>> card_watts;

  bool operator==(const NpuReport&) const = default;
};

// The last report in the frame: chips that are missing in it are gone. States come from the node's
// health, at times of their own: a frame may have one without the other. nullopt: the frame tells
// nothing of NPUs.
std::optional<NpuReport> read_npu_report(const Schema& schema, const Frame& frame);

// What is known after `now`, which came behind `before`: states and figures complete each other.
// Figures go when they are `keep_ms` older than the report. `before` may be nullptr.
NpuReport complete_report(const NpuReport* before, NpuReport now, std::int64_t keep_ms);

}  // namespace godwit
