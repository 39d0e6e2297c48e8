// Outputs in columns of text: -m, watch and -t topo.
#include <algorithm>
#include <array>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

std::vector<std::string> to_cells(const std::vector<std::string_view>& pieces) {
  std::vector<std::string> cells;
  cells.reserve(pieces.size());
  for (const auto piece : pieces) cells.emplace_back(is_hole(piece) ? "" : piece);
  return cells;
}

bool has_name(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Widths are lost: one word for each column, and the last one, the chip's name, takes the rest.
std::vector<std::string> by_words(std::string_view line, std::size_t columns) {
  auto words = split_blanks(line);
  if (words.size() < columns) return {};
  const auto rest = static_cast<std::size_t>(words[columns - 1].data() - line.data());
  words.resize(columns);
  words.back() = trim(line.substr(rest));
  return to_cells(words);
}

// "NpuID(Idx)  ChipId(Idx) Pwr(W)": every name ends with its unit, and one blank may follow it.
std::vector<std::string> watch_names(std::string_view line) {
  std::vector<std::string> names;
  for (std::string_view piece : split_wide(line)) {
    for (std::size_t at = piece.find(") "); at != std::string_view::npos; at = piece.find(") ")) {
      names.emplace_back(piece.substr(0, at + 1));
      piece = trim(piece.substr(at + 1));
    }
    names.emplace_back(piece);
  }
  return names;
}

// "NPU0"
bool is_device(std::string_view word) {
  const std::size_t digit = word.find_first_of("0123456789");
  return digit != std::string_view::npos && digit >= 2 &&
         word.find_first_not_of("0123456789", digit) == std::string_view::npos &&
         to_lower(word.substr(0, digit)).find_first_not_of("abcdefghijklmnopqrstuvwxyz-_") ==
             std::string::npos;
}

std::vector<std::string> leading_devices(const std::vector<std::string_view>& words) {
  std::vector<std::string> devices;
  for (const auto word : words) {
    if (!is_device(word)) break;
    devices.emplace_back(word);
  }
  return devices;
}

// Names whose widths are lost too: "NPU ID Chip ID Chip Logic ID Chip Name".
std::vector<std::string_view> narrow_names(std::string_view line) {
  static constexpr std::array<std::string_view, 8> known = {
      "NPU ID",      "Slot ID", "Chip ID",  "Chip Logic ID",
      "Chip Phy-ID", "Phy-ID",  "Logic ID", "Chip Name"};
  std::vector<std::string_view> names;
  while (!line.empty()) {
    const auto* const name = std::find_if(
        known.begin(), known.end(), [&](std::string_view each) { return line.starts_with(each); });
    if (name == known.end()) return {};
    names.push_back(*name);
    line = trim(line.substr(name->size()));
  }
  return names;
}

}  // namespace

std::optional<Mapping> parse_mapping(std::string_view text) {
  Mapping result;
  for (const auto raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    const auto pieces = split_wide(line);
    const bool is_wide = has_name(pieces, "NPU ID");
    const auto names = is_wide ? pieces : narrow_names(line);
    if (has_name(names, "NPU ID") && names.size() > 2) {
      if (!result.names.empty()) continue;
      result.names.assign(names.begin(), names.end());
    } else if (!result.names.empty() && result.rows.size() < max_entries) {
      auto cells = pieces.size() == result.names.size() ? to_cells(pieces)
                                                        : by_words(line, result.names.size());
      if (!cells.empty() && parse_int(cells[0])) result.rows.push_back(std::move(cells));
    }
  }
  if (result.names.empty()) return std::nullopt;
  return result;
}

std::optional<Watch> parse_watch(std::string_view text) {
  Watch result;
  for (const auto raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.find("(Idx)") != std::string_view::npos) {
      if (result.names.empty()) result.names = watch_names(line);
    } else if (!result.names.empty() && result.rows.size() < max_entries) {
      const auto words = split_blanks(line);
      if (words.size() == result.names.size()) result.rows.push_back(to_cells(words));
    }
  }
  if (result.names.empty()) return std::nullopt;
  return result;
}

std::optional<Topology> parse_topology(std::string_view text) {
  Topology result;
  for (const auto raw : split_lines(text)) {
    const auto words = split_blanks(trim(raw));
    if (result.devices.empty()) {
      auto devices = leading_devices(words);
      const bool only_devices = devices.size() == words.size() ||
                                (words.size() > devices.size() && words[devices.size()] == "CPU");
      if (only_devices) result.devices = std::move(devices);
      continue;
    }
    const std::size_t count = result.devices.size();
    if (words.size() < count + 1 || !is_device(words[0]) || result.links.size() == count) continue;
    auto& row = result.links.emplace_back();
    for (std::size_t i = 1; i <= count; ++i) row.emplace_back(words[i]);
    if (words.size() == count + 2) result.cpu_affinity.emplace_back(words[count + 1]);
  }
  if (result.links.empty()) return std::nullopt;
  return result;
}

}  // namespace godwit::npu_smi
