#include "edge/collectors/nvidia_smi/query.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit::nvidia_smi {
namespace {

// All names that versions of the tool have for a field.
struct FieldName {
  Field field;
  std::string_view name;
  std::string_view other = {};
};
// clang-format off
constexpr FieldName field_names[] = {
    {Field::index, "index"},
    {Field::uuid, "uuid", "gpu_uuid"},
    {Field::name, "name", "gpu_name"},
    {Field::bus_id, "pci.bus_id", "gpu_bus_id"},
    {Field::driver_version, "driver_version"},
    {Field::vbios_version, "vbios_version"},
    {Field::gpu_utilization, "utilization.gpu"},
    {Field::memory_utilization, "utilization.memory"},
    {Field::encoder_utilization, "utilization.encoder"},
    {Field::decoder_utilization, "utilization.decoder"},
    {Field::memory_used, "memory.used"},
    {Field::memory_free, "memory.free"},
    {Field::memory_reserved, "memory.reserved"},
    {Field::memory_total, "memory.total"},
    {Field::gpu_temperature, "temperature.gpu"},
    {Field::memory_temperature, "temperature.memory"},
    {Field::power, "power.draw"},
    {Field::power_limit, "enforced.power.limit", "power.limit"},
    {Field::sm_clock, "clocks.sm", "clocks.current.sm"},
    {Field::memory_clock, "clocks.mem", "clocks.current.memory"},
    {Field::max_sm_clock, "clocks.max.sm"},
    {Field::max_memory_clock, "clocks.max.mem", "clocks.max.memory"},
    {Field::fan_speed, "fan.speed"},
    {Field::event_reasons, "clocks_event_reasons.active", "clocks_throttle_reasons.active"},
    {Field::power_cap_time, "clocks_event_reasons_counters.sw_power_cap"},
    {Field::sync_boost_time, "clocks_event_reasons_counters.sync_boost"},
    {Field::software_thermal_time, "clocks_event_reasons_counters.sw_thermal_slowdown"},
    {Field::hardware_thermal_time, "clocks_event_reasons_counters.hw_thermal_slowdown"},
    {Field::power_brake_time, "clocks_event_reasons_counters.hw_power_brake_slowdown"},
    {Field::ecc_corrected_volatile, "ecc.errors.corrected.volatile.total"},
    {Field::ecc_uncorrected_volatile, "ecc.errors.uncorrected.volatile.total"},
    {Field::ecc_corrected_aggregate, "ecc.errors.corrected.aggregate.total"},
    {Field::ecc_uncorrected_aggregate, "ecc.errors.uncorrected.aggregate.total"},
    {Field::retired_single_bit, "retired_pages.single_bit_ecc.count", "retired_pages.sbe"},
    {Field::retired_double_bit, "retired_pages.double_bit.count", "retired_pages.dbe"},
    {Field::remapped_correctable, "remapped_rows.correctable"},
    {Field::remapped_uncorrectable, "remapped_rows.uncorrectable"},
    {Field::remap_pending, "remapped_rows.pending"},
    {Field::remap_failure, "remapped_rows.failure"},
    {Field::recovery_action, "gpu_recovery_action"},
};
// clang-format on

constexpr std::size_t max_line = 8192;
constexpr std::size_t max_cell = 128;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Fitness fitness_of(std::string_view lower) {
  if (contains(lower, "gpu is lost") || contains(lower, "gpu requires reset")) return Fitness::lost;
  return lower == "err!" || lower == "[err!]" ? Fitness::error : Fitness::well;
}

// Foreign text: bounded, and ASCII if it is no UTF-8.
std::string clean(std::string_view text) {
  std::string result(text.substr(0, max_cell));
  if (!is_utf8(result)) {
    for (char& c : result) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return result;
}

std::optional<Gpu> parse_row(std::string_view line, const std::vector<Column>& columns) {
  const auto cells = split(line, ',');
  if (cells.size() != columns.size()) return std::nullopt;
  Gpu gpu;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string_view cell = trim(cells[i]);
    gpu.fitness = std::max(gpu.fitness, fitness_of(to_lower(cell.substr(0, max_cell))));
    if (!is_absent(cell)) gpu.cells[static_cast<std::size_t>(columns[i].field)] = clean(cell);
  }
  const bool is_named = !gpu.get(Field::index).empty() || !gpu.get(Field::uuid).empty() ||
                        !gpu.get(Field::bus_id).empty();
  if (!is_named) return std::nullopt;
  return gpu;
}

}  // namespace

bool is_absent(std::string_view cell) {
  const std::string lower = to_lower(cell.substr(0, max_cell));
  if (lower.empty() || lower == "n/a" || lower == "-" || lower.starts_with('[') ||
      lower.starts_with("<<<") || lower == "err!" || lower == "unknown error") {
    return true;
  }
  const auto number = parse_double(lower);
  constexpr double blank_32 = 2147483632;
  constexpr double blank_64 = 140737488355328;  // of doubles; those of integers are larger still
  return number && (*number >= blank_64 || (*number >= blank_32 && *number <= blank_32 + 3));
}

// Fields are in quotes at the beginning of a line: "uuid" or "gpu_uuid"
Result<std::vector<Column>> parse_fields(std::string_view help) {
  std::vector<std::string_view> known;
  for (const auto line : split_lines(help)) {
    if (!line.starts_with('"') || line.size() > max_line) continue;
    const auto pieces = split(line, '"');
    for (std::size_t i = 1; i + 1 < pieces.size() && known.size() < 2000; i += 2) {
      known.push_back(pieces[i]);
    }
  }
  const auto is_known = [&](std::string_view name) {
    return !name.empty() && std::find(known.begin(), known.end(), name) != known.end();
  };
  std::vector<Column> columns;
  for (const auto& field : field_names) {
    if (is_known(field.name)) {
      columns.push_back({field.field, field.name});
    } else if (is_known(field.other)) {
      columns.push_back({field.field, field.other});
    }
  }
  if (columns.size() < 3 || columns.front().field != Field::index) {
    return Error{ErrorCode::invalid, "its --help-query-gpu is no list of fields"};
  }
  return columns;
}

std::string query_of(const std::vector<Column>& columns) {
  std::string query;
  for (const auto& column : columns) {
    if (!query.empty()) query += ',';
    query += column.name;
  }
  return query;
}

Rows parse_gpus(std::string_view csv, const std::vector<Column>& columns) {
  Rows rows;
  for (const auto line : split_lines(csv)) {
    if (trim(line).empty()) continue;
    auto gpu = line.size() <= max_line ? parse_row(line, columns) : std::nullopt;
    if (gpu && rows.gpus.size() < max_gpus) {
      rows.gpus.push_back(std::move(*gpu));
    } else if (!gpu) {
      if (rows.other.empty()) rows.other = trim(line.substr(0, max_line));
      for (auto& id : lost_gpus(line)) {
        if (rows.lost.size() < max_gpus) rows.lost.push_back(std::move(id));
      }
    }
  }
  return rows;
}

std::vector<Process> parse_processes(std::string_view csv) {
  std::vector<Process> processes;
  for (const auto line : split_lines(csv)) {
    if (line.size() > max_line || processes.size() == max_processes) continue;
    std::string_view rest = line;
    std::array<std::string_view, 3> cells;
    for (auto& cell : cells) {
      const std::size_t comma = rest.find(',');
      if (comma == std::string_view::npos) break;
      cell = trim(rest.substr(0, comma));
      rest.remove_prefix(comma + 1);
    }
    const auto pid = parse_int(cells[1]);
    if (!pid || *pid <= 0 || is_absent(cells[0]) || cells[2].empty()) continue;
    Process process{clean(cells[0]), is_absent(trim(rest)) ? "" : clean(trim(rest)), *pid, {}};
    if (!is_absent(cells[2])) process.memory_mib = parse_double(cells[2]);
    processes.push_back(std::move(process));
  }
  return processes;
}

std::string kernel_address(std::string_view bus_id) {
  while (!bus_id.empty() && (bus_id.back() == ':' || bus_id.back() == '.')) bus_id.remove_suffix(1);
  bus_id = bus_id.substr(0, bus_id.rfind('.'));
  if (bus_id.size() < 10 || bus_id.size() > 16 ||
      bus_id.find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos) {
    return {};
  }
  const std::size_t colon = bus_id.find(':');
  if (colon == std::string_view::npos || colon < 4) return {};
  return to_lower(bus_id.substr(colon - 4));
}

std::vector<std::string> lost_gpus(std::string_view message) {
  std::vector<std::string> lost;
  for (const auto line : split_lines(message)) {
    const std::string lower = to_lower(line.substr(0, max_line));
    if (!contains(lower, "gpu is lost") && !contains(lower, "unable to determine the device")) {
      continue;
    }
    for (const auto word : split_blanks(lower)) {
      std::string address = kernel_address(word);
      if (!address.empty() && lost.size() < max_gpus) lost.push_back(std::move(address));
    }
  }
  return lost;
}

}  // namespace godwit::nvidia_smi
