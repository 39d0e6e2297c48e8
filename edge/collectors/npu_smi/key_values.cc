// "key : value" output of -l and most -t queries, and the lines of -t proc-mem.
#include <algorithm>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

constexpr std::size_t max_key_bytes = 80;

struct Pair {
  std::string_view key, value;
};

// At the first ':' only: bus ids and times hold more. A key begins with a letter or is empty, which
// continues the value above it; log lines ("[INFO ...] x: y"), paths and boxed tables are none.
std::optional<Pair> split_pair(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view key = trim(line.substr(0, colon));
  if (key.size() > max_key_bytes || key.starts_with('[') || key.starts_with('/') ||
      key.starts_with('|')) {
    return std::nullopt;
  }
  return Pair{key, trim(line.substr(colon + 1))};
}

bool has_key(const std::vector<KeyValue>& block, std::string_view key) {
  return std::any_of(block.begin(), block.end(), [&](const auto& e) { return e.key == key; });
}

// The text between `name` and the next key of the line, or its end.
std::optional<std::string_view> field(std::string_view line, std::string_view lower,
                                      std::string_view name) {
  const std::size_t at = lower.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t colon = line.find(':', at);
  if (colon == std::string_view::npos) return std::nullopt;
  std::size_t end = lower.find("process ", colon);
  end = std::min(end, lower.find("chip id", colon));
  return trim(line.substr(colon + 1, end == std::string_view::npos ? end : end - colon - 1));
}

}  // namespace

std::optional<KeyValues> parse_key_values(std::string_view text) {
  KeyValues result;
  bool blank_before = true;
  std::size_t entries = 0;
  for (const auto raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.empty()) {
      blank_before = true;
      continue;
    }
    const auto pair = split_pair(line);
    if (!pair || ++entries > max_entries) continue;
    auto& blocks = result.blocks;
    if (pair->key.empty()) {
      if (blocks.empty()) continue;
      blocks.back().back().values.emplace_back(pair->value);
      continue;
    }
    // Quoted output has lost its blank lines at times: a key that comes again begins a block too.
    if (blank_before || has_key(blocks.back(), pair->key)) blocks.emplace_back();
    blocks.back().push_back({std::string(pair->key), {std::string(pair->value)}});
    blank_before = false;
  }
  if (result.blocks.empty()) return std::nullopt;
  return result;
}

// "Process id:990711 Process name:python   Process memory(MB):7746", or "No process in device.";
// the chip is named behind its processes where it is named.
std::optional<ProcessMemory> parse_process_memory(std::string_view text) {
  ProcessMemory result;
  bool recognised = false;
  std::size_t first_of_chip = 0;
  for (const auto raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    const std::string lower = to_lower(line);
    if (lower.find("no process in device") != std::string::npos) recognised = true;
    const auto pid = field(line, lower, "process id");
    if (const auto number = pid ? parse_int(*pid) : std::nullopt) {
      recognised = true;
      if (result.processes.size() == max_entries) break;
      auto& process = result.processes.emplace_back();
      process.pid = *number;
      const auto name = field(line, lower, "process name");
      if (name && !is_hole(*name)) process.name = *name;
      const auto memory = field(line, lower, "process memory");
      if (memory) process.memory_mb = parse_int(*memory);
      continue;
    }
    const auto pair = split_pair(line);
    if (!pair) continue;
    if (pair->key == "NPU ID") result.npu = parse_int(pair->value);
    if (pair->key == "Chip ID") {
      for (; first_of_chip < result.processes.size(); ++first_of_chip) {
        result.processes[first_of_chip].chip = parse_int(pair->value);
      }
    }
  }
  if (!recognised) return std::nullopt;
  for (auto& process : result.processes) process.npu = result.npu;
  return result;
}

}  // namespace godwit::npu_smi
