// Translates what npu-smi said into canonical series. Pure; used by the collector.
//
// The tool zero-fills its structures and ignores failed queries, so a number is only published when
// it can be true: no usage of a memory that has no size, no 0 W, no 0 or -200 degrees, no page
// count beyond its total. What is left out has no sample.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "edge/collectors/npu_smi/report.h"
#include "transport/metric.h"

namespace godwit::npu_smi {

// "<npu>-<chip>", "<npu>" where a card has no chip ids, the bus address where the card is unknown;
// empty when nothing identifies the chip.
std::string hardware_id(const Chip& chip);

// What other queries than the table have told.
struct ChipExtra {
  std::optional<std::int64_t> logic_id, phy_id;    // -m
  std::optional<std::vector<std::string>> faults;  // -t health: codes, while health is not OK
};
struct Extras {
  std::map<std::string, ChipExtra> chips;     // by hardware_id()
  std::map<std::int64_t, double> card_watts;  // -t common, by NPU id
};

void add_series(const InfoTable& table, const Extras& extras, std::size_t max_processes,
                Batch& out);

inline constexpr double max_watts = 5000;

}  // namespace godwit::npu_smi
