// Which command of npu-smi printed a text, as far as the text shows it: keys that one query alone
// prints, and the ids in it. The order of its options is not in the text; ours is `-t TYPE -i N`.
#include <algorithm>
#include <array>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

struct KnownKey {
  std::string_view key, type;
};
// The first one that is there decides: what several queries print comes last.
constexpr std::array<KnownKey, 16> known_keys = {{
    {"Ctrlcpu Usage Rate(%)", "usages"},
    {"Aicore curFreq(MHZ)", "common"},
    {"Aicore Freq(MHZ)", "common"},
    {"Board ID", "board"},
    {"Health Status", "health"},
    {"Health", "health"},
    {"HBM Double Bit Error Count", "ecc"},
    {"DDR Double Bit Error Count", "ecc"},
    {"HBM ECC-Enable Status", "ecc-enable"},
    {"Flash Count", "flash"},
    {"HBM Clock Speed(MHz)", "memory"},
    {"Voltage(V)", "volt"},
    {"vnpu-mode", "vnpu-mode"},
    {"NPU Temperature (C)", "temp"},
    {"NPU Real-time Power(W)", "power"},
    {"Temperature(C)", "temp"},
}};

std::optional<std::string_view> find_value(const KeyValues& report, std::string_view key) {
  for (const auto& block : report.blocks) {
    for (const auto& entry : block) {
      if (entry.key == key) return entry.values.front();
    }
  }
  return std::nullopt;
}

}  // namespace

std::string command_of(const KeyValues& report) {
  if (find_value(report, "Total Count") || find_value(report, "Card Count")) {
    return "npu-smi info -l";
  }
  const auto known = std::find_if(known_keys.begin(), known_keys.end(), [&](const auto& entry) {
    return find_value(report, entry.key).has_value();
  });
  if (known == known_keys.end()) return "";
  std::string command = concat("npu-smi info -t ", known->type);
  const auto npu = find_value(report, "NPU ID");
  if (!npu || !parse_int(*npu)) return command;
  command += concat(" -i ", *npu);
  // Of one chip: nothing is said of how many the card has.
  const auto chip = find_value(report, "Chip ID");
  if (chip && parse_int(*chip) && !find_value(report, "Chip Count")) {
    command += concat(" -c ", *chip);
  }
  return command;
}

std::string command_of(const Message& message) {
  constexpr std::string_view lead = "does not support querying ";
  const std::size_t at = message.decisive.find(lead);
  if (at == std::string::npos) return "";
  std::string_view type = std::string_view(message.decisive).substr(at + lead.size());
  type = trim(type.substr(0, type.find_first_of(". \t")));
  return type.empty() ? "" : concat("npu-smi info -t ", type);
}

std::string command_of(const ProcessMemory& report) {
  const std::string command = "npu-smi info -t proc-mem";
  return report.npu ? concat(command, " -i ", *report.npu) : command;
}

}  // namespace godwit::npu_smi
