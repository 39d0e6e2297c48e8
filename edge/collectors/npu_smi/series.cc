#include "edge/collectors/npu_smi/series.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr std::int64_t max_memory_mb = 16LL << 20;  // 16 TiB
constexpr std::int64_t max_hugepages = 8LL << 20;   // 16 TiB
constexpr std::size_t max_label_bytes = 128;

Labels labels_of(std::string_view id) { return {{"hw_id", std::string(id)}, {"hw_type", "npu"}}; }

Labels with(Labels labels, std::string_view name, std::string value) {
  labels.push_back({std::string(name), std::move(value)});
  return labels;
}

// Names come from the tool and from processes: bounded, and ASCII if they are no UTF-8.
std::string clean(std::string_view text) {
  std::string result(text);
  if (result.size() > max_label_bytes || !is_utf8(result)) {
    result.resize(std::min(result.size(), max_label_bytes));
    for (char& c : result) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return result;
}

std::string to_text(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "";
}

bool is_real(const Usage& usage, std::int64_t limit) {
  return usage.total && *usage.total > 0 && *usage.total <= limit;
}

bool has_power(const Chip& chip) {
  return chip.power_w && *chip.power_w > 0 && *chip.power_w <= max_watts;
}

bool has_temperature(const Chip& chip) {
  return chip.temp_c && *chip.temp_c != 0 && *chip.temp_c > -60 && *chip.temp_c < 200;
}

// Every query failed: the row is what its structure was filled with, "OK" included.
bool is_zero_filled(const Chip& chip) {
  return !has_power(chip) && !has_temperature(chip) && !is_real(chip.memory_mb, max_memory_mb) &&
         !is_real(chip.hbm_mb, max_memory_mb);
}

// The one fault of boards with an Ascend 310B whose current sensor cannot be read (Orange Pi AI Pro
// and others): always "Alarm", always 0.0 W, and the NPU works.
bool is_only_current_sensor(const Chip& chip, const ChipExtra& extra) {
  return !has_power(chip) && to_lower(chip.name).starts_with("310b") && extra.faults &&
         extra.faults->size() == 1 && to_lower(extra.faults->front()).ends_with("80e3a203");
}

std::string_view state_of(const Chip& chip, const ChipExtra& extra) {
  if (is_zero_filled(chip)) return "unknown";
  const std::string health = to_lower(chip.health);
  if (health == "ok") return "ok";
  if (health == "warning") return "degraded";
  if (health == "alarm" || health == "critical") {
    return is_only_current_sensor(chip, extra) ? "degraded" : "failed";
  }
  return "unknown";
}

void add_status(const Chip& chip, const ChipExtra& extra, const Labels& labels, Batch& out) {
  const std::string_view present = state_of(chip, extra);
  for (const std::string_view state : {"ok", "degraded", "failed", "unknown"}) {
    out.add("hw_status", with(labels, "hw_state", std::string(state)), state == present ? 1 : 0);
  }
  if (!extra.faults) return;
  for (const auto& code : *extra.faults) {
    out.add_info("godwit_npu_fault_info", with(labels, "code", clean(code)));
  }
}

void add_memory(const Usage& usage, std::string_view type, const Labels& labels, Batch& out) {
  if (!is_real(usage, max_memory_mb)) return;
  const Labels all = with(labels, "hw_memory_type", std::string(type));
  out.add("hw_npu_memory_limit_bytes", all, static_cast<double>(*usage.total) * mebibyte);
  if (usage.used && *usage.used >= 0 && *usage.used <= *usage.total) {
    out.add("hw_npu_memory_usage_bytes", all, static_cast<double>(*usage.used) * mebibyte);
  }
}

void add_utilization(const std::optional<double>& percent, std::string_view task,
                     const Labels& labels, Batch& out) {
  if (!percent || *percent < 0 || *percent > 100) return;
  out.add("hw_npu_utilization_ratio", with(labels, "hw_npu_task", std::string(task)),
          *percent / 100);
}

void add_info(const InfoTable& table, const Chip& chip, const ChipExtra& extra,
              const Labels& labels, Batch& out) {
  Labels all = labels;
  all.push_back({"hw_name", clean(chip.name)});
  all.push_back({"hw_bus_id", clean(chip.bus_id)});
  all.push_back({"hw_driver_version", clean(table.driver_version)});
  all.push_back({"npu_smi_version", clean(table.tool_version)});
  all.push_back({"npu", to_text(chip.npu_id)});
  all.push_back({"chip", to_text(chip.chip_id)});
  all.push_back({"logic_id", to_text(chip.logic_id ? chip.logic_id : extra.logic_id)});
  all.push_back({"phy_id", to_text(chip.phy_id ? chip.phy_id : extra.phy_id)});
  out.add_info("hw_npu_info", std::move(all));
}

void add_chip(const InfoTable& table, const Chip& chip, const std::string& id,
              const ChipExtra& extra, Batch& out) {
  const Labels labels = labels_of(id);
  add_info(table, chip, extra, labels, out);
  add_status(chip, extra, labels, out);
  if (is_zero_filled(chip)) return;
  add_utilization(chip.aicore_pct, "aicore", labels, out);
  add_utilization(chip.npu_util_pct, "npu", labels, out);
  add_memory(chip.memory_mb, "ddr", labels, out);
  add_memory(chip.hbm_mb, "hbm", labels, out);
  if (has_temperature(chip)) out.add("hw_temperature_celsius", labels, *chip.temp_c);
  if (!is_real(chip.hugepages, max_hugepages)) return;
  out.add("hw_npu_hugepages_limit", labels, static_cast<double>(*chip.hugepages.total));
  const auto used = chip.hugepages.used;
  if (used && *used >= 0 && *used <= *chip.hugepages.total) {
    out.add("hw_npu_hugepages_used", labels, static_cast<double>(*used));
  }
}

// On cards with two dies the first one's row shows the power of the whole card and the other none:
// that, and what -t common says of the board, belongs to the card.
void add_power(const InfoTable& table, const Extras& extras, Batch& out) {
  std::map<std::int64_t, std::vector<const Chip*>> cards;
  for (const auto& chip : table.chips) {
    if (chip.npu_id) cards[*chip.npu_id].push_back(&chip);
  }
  for (const auto& [npu, chips] : cards) {
    const auto powered = std::count_if(chips.begin(), chips.end(),
                                       [](const Chip* chip) { return has_power(*chip); });
    const bool shared = chips.size() > 1 && powered == 1 && has_power(*chips[0]);
    for (const Chip* chip : chips) {
      if (!has_power(*chip)) continue;
      const std::string id = shared ? std::to_string(npu) : hardware_id(*chip);
      out.add("hw_power_watts", labels_of(id), *chip->power_w);
    }
    const auto card = extras.card_watts.find(npu);
    if (powered == 0 && card != extras.card_watts.end()) {
      out.add("hw_power_watts", labels_of(std::to_string(npu)), card->second);
    }
  }
}

void add_process_counts(const InfoTable& table, Batch& out) {
  std::map<std::string, int> counts;
  std::set<std::int64_t> listed(table.idle_npus.begin(), table.idle_npus.end());
  for (const auto& process : table.processes) listed.insert(process.npu.value_or(-1));
  // A card with neither a process nor the line that there are none has told nothing.
  for (const auto& chip : table.chips) {
    if (chip.npu_id && listed.contains(*chip.npu_id)) counts[hardware_id(chip)] = 0;
  }
  for (const auto& process : table.processes) {
    Chip chip;
    chip.npu_id = process.npu;
    chip.chip_id = process.chip;
    ++counts[hardware_id(chip)];
  }
  for (const auto& [id, count] : counts) {
    out.add("godwit_accelerator_processes", labels_of(id), count);
  }
}

void add_processes(const InfoTable& table, std::size_t max_processes, Batch& out) {
  std::map<std::tuple<std::string, std::int64_t, std::string>, double> megabytes;
  for (const auto& process : table.processes) {
    Chip chip;
    chip.npu_id = process.npu;
    chip.chip_id = process.chip;
    const auto memory = process.memory_mb.value_or(-1);
    if (memory < 0 || memory > max_memory_mb) continue;
    megabytes[{hardware_id(chip), process.pid, clean(process.name)}] += static_cast<double>(memory);
  }
  std::vector<std::pair<double, std::tuple<std::string, std::int64_t, std::string>>> largest;
  largest.reserve(megabytes.size());
  for (const auto& [key, memory] : megabytes) largest.emplace_back(-memory, key);
  std::sort(largest.begin(), largest.end());
  if (largest.size() > max_processes) largest.resize(max_processes);
  for (const auto& [negative, key] : largest) {
    Labels labels = labels_of(std::get<0>(key));
    labels.push_back({"pid", std::to_string(std::get<1>(key))});
    labels.push_back({"process", std::get<2>(key)});
    out.add("godwit_accelerator_process_memory_bytes", std::move(labels), -negative * mebibyte);
  }
}

}  // namespace

std::string hardware_id(const Chip& chip) {
  if (!chip.npu_id) return clean(chip.bus_id);
  if (!chip.chip_id) return std::to_string(*chip.npu_id);
  return concat(*chip.npu_id, "-", *chip.chip_id);
}

void add_series(const InfoTable& table, const Extras& extras, std::size_t max_processes,
                Batch& out) {
  static const ChipExtra nothing;
  std::set<std::string> seen;
  InfoTable unique = table;
  std::erase_if(unique.chips, [&](const Chip& chip) {
    const std::string id = hardware_id(chip);
    return id.empty() || !seen.insert(id).second;
  });
  for (const auto& chip : unique.chips) {
    const std::string id = hardware_id(chip);
    const auto extra = extras.chips.find(id);
    add_chip(unique, chip, id, extra == extras.chips.end() ? nothing : extra->second, out);
  }
  add_power(unique, extras, out);
  if (!unique.process_table_shown) return;
  add_process_counts(unique, out);
  add_processes(unique, max_processes, out);
}

}  // namespace godwit::npu_smi
