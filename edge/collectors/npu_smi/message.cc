// Help, and messages in place of data: of the tool itself (all on standard output), of the dynamic
// loader and of the shell.
#include <array>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

constexpr std::size_t max_lines = 200;

// Texts that no output with data holds, the most telling first.
constexpr std::array<std::string_view, 18> telling = {
    "error while loading shared libraries",
    "command not found",
    "ret is -",
    "no such file or directory",
    "permission denied",
    "does not support",
    "there is no npu",
    "no npu card",
    "invalid ",
    "exec format error",
    "cannot execute",
    "segmentation fault",
    "not found",
    "operation not permitted",
    "timed out",
    "failed",
    "error",
    "denied",
};

// "... ret is -8020": the number.
std::optional<std::int64_t> code_in(std::string_view line) {
  for (const std::string_view lead : {"ret is ", "ret=", "code "}) {
    const std::size_t at = line.find(lead);
    if (at == std::string_view::npos || line.substr(at + lead.size(), 1) != "-") continue;
    const std::string_view rest = line.substr(at + lead.size());
    const std::size_t end = rest.find_first_not_of("0123456789", 1);
    if (const auto code = parse_int(rest.substr(0, end))) return code;
  }
  return std::nullopt;
}

std::optional<std::string_view> find_telling(const std::vector<std::string>& lines) {
  for (const auto text : telling) {
    for (const auto& line : lines) {
      if (to_lower(line).find(text) != std::string::npos) return line;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Help> parse_help(std::string_view text) {
  Help help;
  bool in_usage = false;
  bool in_types = false;
  for (const auto raw : split_lines(text)) {
    std::string_view line = trim(raw);
    if (!in_usage) {
      in_usage = line.starts_with("Usage:");
      // Behind a message the usage is part of the message; log lines may come before both.
      if (!in_usage && !line.empty() && !line.starts_with('[')) return std::nullopt;
      continue;
    }
    if (line.starts_with("type:")) {
      in_types = true;
      line = trim(line.substr(5));
    }
    if (!in_types) continue;
    const bool goes_on = line.ends_with(',');
    for (auto word : split(line, ',')) {
      word = trim(word);
      if (word.ends_with('.')) word.remove_suffix(1);
      if (!word.empty()) help.types.emplace_back(word);
    }
    if (!goes_on) break;
  }
  if (!in_usage) return std::nullopt;
  return help;
}

std::optional<Message> parse_message(std::string_view text) {
  Message message;
  for (const auto raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (!line.empty()) message.lines.emplace_back(line);
    if (message.lines.size() > max_lines) return std::nullopt;
  }
  const auto decisive = find_telling(message.lines);
  if (!decisive) return std::nullopt;
  message.decisive = *decisive;
  message.code = code_in(message.decisive);
  message.unsupported = to_lower(message.decisive).find("does not support") != std::string::npos;
  return message;
}

}  // namespace godwit::npu_smi
