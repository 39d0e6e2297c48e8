#include "cloud/npu_report.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_chips = 128;
constexpr std::size_t no_tick = SIZE_MAX;

std::string_view label_of(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

bool is_of_npu(const Series& series) { return label_of(series, "hw_type") == "npu"; }

// Index of the last tick at which the column has a value.
std::size_t last_tick(const std::vector<double>& column) {
  for (std::size_t t = column.size(); t > 0; --t) {
    if (!is_absent(column[t - 1])) return t - 1;
  }
  return no_tick;
}

std::optional<NpuChip::State> parse_state(std::string_view text) {
  using State = NpuChip::State;
  if (text == "ok") return State::ok;
  if (text == "degraded") return State::degraded;
  if (text == "failed") return State::failed;
  if (text == "unknown") return State::unknown;
  return std::nullopt;
}

// Gathers what the series of one tick say of each chip.
class Reader {
 public:
  explicit Reader(NpuReport& report) : report_(report) {}

  void add_chip(const Series& info) {
    const std::string id(label_of(info, "hw_id"));
    if (id.empty() || chips_.size() >= max_chips) return;
    NpuChip& chip = chips_[id];
    chip.hw_id = id;
    chip.bus_id = label_of(info, "hw_bus_id");
    chip.npu = parse_int(label_of(info, "npu"));
    chip.chip = parse_int(label_of(info, "chip"));
    chip.phy_id = parse_int(label_of(info, "phy_id"));
    if (!chip.phy_id) chip.phy_id = parse_int(label_of(info, "logic_id"));
  }

  void add_value(const Series& series, double value) {
    const auto found = chips_.find(std::string(label_of(series, "hw_id")));
    if (found == chips_.end()) return add_card_value(series, value);
    NpuChip& chip = found->second;
    if (series.name == "hw_npu_utilization_ratio") return add_utilization(series, value, chip);
    if (series.name == "hw_temperature_celsius") chip.celsius = value;
    if (series.name == "hw_power_watts") chip.watts = value;
    if (series.name == "godwit_npu_fault_info") ++chip.faults;
    if (series.name == "hw_npu_memory_usage_bytes") memory_of(series, chip.hw_id).used = value;
    if (series.name == "hw_npu_memory_limit_bytes") memory_of(series, chip.hw_id).total = value;
  }

  void add_state(const Series& series, double value) {
    const std::string id(label_of(series, "hw_id"));
    const auto state = parse_state(label_of(series, "hw_state"));
    if (!state || value != 1) return;
    const auto found = chips_.find(id);
    if (found != chips_.end()) {
      found->second.state = *state;
    } else if (report_.figures_ms == 0 && !id.empty() && chips_.size() < max_chips) {
      chips_[id].hw_id = id;
      chips_[id].state = *state;
    }
  }

  void finish() {
    for (auto& [id, chip] : chips_) {
      const Memory& hbm = hbm_[id];
      const Memory& memory = hbm.total ? hbm : ddr_[id];
      chip.memory_used = memory.used;
      chip.memory_total = memory.total;
      report_.chips.push_back(std::move(chip));
    }
    std::stable_sort(report_.chips.begin(), report_.chips.end(),
                     [](const NpuChip& a, const NpuChip& b) {
                       return std::pair(a.npu, a.chip) < std::pair(b.npu, b.chip);
                     });
  }

 private:
  struct Memory {
    std::optional<double> used, total;
  };

  // "npu" is what chips have that tell no AI core figure.
  static void add_utilization(const Series& series, double value, NpuChip& chip) {
    const auto task = label_of(series, "hw_npu_task");
    if (task == "aicore" || (task == "npu" && !chip.utilization)) chip.utilization = value;
  }

  void add_card_value(const Series& series, double value) {
    const auto card = parse_int(label_of(series, "hw_id"));
    if (series.name != "hw_power_watts" || !card || report_.card_watts.size() >= max_chips) return;
    report_.card_watts.emplace_back(*card, value);
  }

  Memory& memory_of(const Series& series, const std::string& id) {
    return label_of(series, "hw_memory_type") == "hbm" ? hbm_[id] : ddr_[id];
  }

  NpuReport& report_;
  std::map<std::string, NpuChip> chips_;
  std::map<std::string, Memory> hbm_, ddr_;
};

}  // namespace

std::optional<NpuReport> read_npu_report(const Schema& schema, const Frame& frame) {
  const std::size_t width = std::min(schema.series.size(), frame.columns.size());
  // A run of the collector tells every chip's identity: the tick that has the last one is the
  // report's.
  std::size_t figures = no_tick, states = no_tick;
  for (std::size_t c = 0; c < width; ++c) {
    const Series& series = schema.series[c];
    const bool is_info = series.name == "hw_npu_info";
    if (!is_info && (series.name != "hw_status" || !is_of_npu(series))) continue;
    const std::size_t last = last_tick(frame.columns[c]);
    std::size_t& latest = is_info ? figures : states;
    if (last != no_tick && (latest == no_tick || last > latest)) latest = last;
  }
  if (figures == no_tick && states == no_tick) return std::nullopt;
  NpuReport report;
  if (figures != no_tick) report.figures_ms = frame.times_ms[figures];
  if (states != no_tick) report.time_ms = frame.times_ms[states];
  report.time_ms = std::max(report.time_ms, report.figures_ms);
  Reader reader(report);
  for (std::size_t c = 0; c < width && figures != no_tick; ++c) {
    const bool is_info = schema.series[c].name == "hw_npu_info";
    if (is_info && !is_absent(frame.columns[c][figures])) reader.add_chip(schema.series[c]);
  }
  for (std::size_t c = 0; c < width; ++c) {
    const Series& series = schema.series[c];
    const bool ours = series.name.starts_with("hw_") || series.name == "godwit_npu_fault_info";
    if (!ours || !is_of_npu(series)) continue;
    const std::size_t tick = series.name == "hw_status" ? states : figures;
    if (tick == no_tick || is_absent(frame.columns[c][tick])) continue;
    if (series.name == "hw_status") {
      reader.add_state(series, frame.columns[c][tick]);
    } else {
      reader.add_value(series, frame.columns[c][tick]);
    }
  }
  reader.finish();
  if (report.chips.empty()) return std::nullopt;
  return report;
}

NpuReport complete_report(const NpuReport* before, NpuReport now, std::int64_t keep_ms) {
  if (before == nullptr) return now;
  const auto find = [](std::vector<NpuChip>& chips, const std::string& id) {
    return std::find_if(chips.begin(), chips.end(),
                        [&](const NpuChip& chip) { return chip.hw_id == id; });
  };
  if (now.figures_ms > 0) {
    std::vector<NpuChip> known = before->chips;
    for (auto& chip : now.chips) {
      const auto same = find(known, chip.hw_id);
      if (!chip.state && same != known.end()) chip.state = same->state;
    }
    return now;
  }
  NpuReport all = *before;
  all.time_ms = now.time_ms;
  for (const auto& chip : now.chips) {
    const auto same = find(all.chips, chip.hw_id);
    if (same != all.chips.end()) {
      same->state = chip.state;
    } else if (all.chips.size() < max_chips) {
      all.chips.push_back(chip);
    }
  }
  if (now.time_ms - all.figures_ms < keep_ms) return all;
  all.card_watts.clear();
  for (auto& chip : all.chips) {
    for (auto* figure :
         {&chip.utilization, &chip.celsius, &chip.watts, &chip.memory_used, &chip.memory_total}) {
      figure->reset();
    }
  }
  return all;
}

}  // namespace godwit
