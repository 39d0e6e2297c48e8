// Reads any output of npu-smi, of any version: which kind it is follows from the text alone,
// columns from the header lines, fields from the borders. Pure functions, for the collector, the
// `parse` command and the fuzzer.
//
// Source of the formats: the captures of test/fixtures/npu-smi, and the tool's behaviour as noted
// beside the code that depends on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/collectors/npu_smi/report.h"
#include "transport/result.h"

namespace godwit::npu_smi {

inline constexpr std::size_t max_text_bytes = 4U << 20;
inline constexpr std::size_t max_entries = 20'000;  // chips, processes, keys or rows of a report

// ErrorCode::invalid: too large, or nothing that npu-smi prints.
Result<Report> parse_report(std::string_view text);

// The parts that parse_report() chooses from; each gives nothing when the text is of another kind.
std::optional<InfoTable> parse_info_table(std::string_view text);
std::optional<KeyValues> parse_key_values(std::string_view text);
std::optional<Mapping> parse_mapping(std::string_view text);
std::optional<Watch> parse_watch(std::string_view text);
std::optional<Topology> parse_topology(std::string_view text);
std::optional<ProcessMemory> parse_process_memory(std::string_view text);
std::optional<Help> parse_help(std::string_view text);
std::optional<Message> parse_message(std::string_view text);

// True for "", "NA", "N/A", "-" and "--": no value.
bool is_hole(std::string_view text);
// Pieces between TABs and runs of two or more blanks: a column's name or value may hold one blank.
std::vector<std::string_view> split_wide(std::string_view line);

// The command line that printed it, as far as the text shows; "" when it does not.
std::string command_of(const KeyValues& report);
std::string command_of(const Message& message);
std::string command_of(const ProcessMemory& report);

// The report in JSON, in the form of the expectations beside the captures. `file_name` is repeated.
std::string report_json(const Report& report, std::string_view file_name);

}  // namespace godwit::npu_smi

namespace godwit {

// For `godwit-agent parse npu-smi FILE`.
Result<std::string> parse_npu_smi_file(std::string_view text, std::string_view file_name);

}  // namespace godwit
