#include "edge/collectors/npu_smi/parse.h"

#include <algorithm>
#include <array>

#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

// "key   : value" or "key   :value" in aligned columns. A message of the loader or shell has no
// blank before its ':'.
bool has_aligned_keys(std::string_view text) {
  const auto lines = split_lines(text);
  return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    const std::size_t colon = line.find(':');
    return colon != std::string_view::npos && colon > 0 &&
           (line[colon - 1] == ' ' || line[colon - 1] == '\t');
  });
}

}  // namespace

bool is_hole(std::string_view text) {
  static constexpr std::array<std::string_view, 7> holes = {"",  "NA", "N/A", "na",
                                                            "-", "--", "n/a"};
  return std::find(holes.begin(), holes.end(), text) != holes.end();
}

std::vector<std::string_view> split_wide(std::string_view line) {
  std::vector<std::string_view> pieces;
  std::size_t start = 0;
  std::size_t i = 0;
  const auto is_gap = [&](std::size_t at) {
    return line[at] == '\t' || (line[at] == ' ' && at + 1 < line.size() &&
                                (line[at + 1] == ' ' || line[at + 1] == '\t'));
  };
  while (i < line.size()) {
    if (!is_gap(i)) {
      ++i;
      continue;
    }
    if (const auto piece = trim(line.substr(start, i - start)); !piece.empty()) {
      pieces.push_back(piece);
    }
    while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) ++i;
    start = i;
  }
  if (const auto piece = trim(line.substr(start)); !piece.empty()) pieces.push_back(piece);
  return pieces;
}

Result<Report> parse_report(std::string_view text) {
  if (text.size() > max_text_bytes) {
    return Error{ErrorCode::invalid, concat("larger than ", max_text_bytes, " bytes")};
  }
  if (auto report = parse_info_table(text)) return Report(std::move(*report));
  if (auto report = parse_help(text)) return Report(std::move(*report));
  if (auto report = parse_topology(text)) return Report(std::move(*report));
  if (auto report = parse_watch(text)) return Report(std::move(*report));
  if (auto report = parse_mapping(text)) return Report(std::move(*report));
  if (auto report = parse_process_memory(text)) return Report(std::move(*report));
  if (!has_aligned_keys(text)) {
    if (auto report = parse_message(text)) return Report(std::move(*report));
  }
  if (auto report = parse_key_values(text)) return Report(std::move(*report));
  if (auto report = parse_message(text)) return Report(std::move(*report));
  if (trim(text).empty()) return Error{ErrorCode::invalid, "no text at all"};
  return Error{ErrorCode::invalid, concat("nothing that npu-smi prints; it begins with ",
                                          quote_for_message(trim(text), 80))};
}

}  // namespace godwit::npu_smi
