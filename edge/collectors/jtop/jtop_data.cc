#include "edge/collectors/jtop/jtop_data.h"

#include <algorithm>
#include <array>
#include <utility>

#include "transport/text.h"

namespace godwit {

std::size_t bounded(std::size_t count) { return std::min<std::size_t>(count, 512); }

MaybeNumber scaled(PickleValue value, double factor) {
  const auto number = value.number();
  if (!number) return std::nullopt;
  return in_base_unit(*number, factor);
}

MaybeNumber percent(PickleValue value) {
  const auto number = value.number();
  if (!number || *number < 0) return std::nullopt;
  return std::min(*number / 100, 1.0);
}

MaybeNumber gpu_hertz(PickleValue value) {
  const auto number = value.number();
  if (!number || *number < 0) return std::nullopt;
  return *number * (*number < 10'000 ? 1e6 : 1e3);
}

std::string label_text(PickleValue value) {
  std::string_view text = value.text();
  if (!is_utf8(text)) return quote_for_message(text.substr(0, 32));
  if (text.size() > 128) {
    text = text.substr(0, 128);
    while (!is_utf8(text)) text.remove_suffix(1);
  }
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }, ' ');
  return std::string(trim(out));
}

void add_process(std::vector<JetsonProcess>& processes, JetsonProcess process) {
  const auto same = std::find_if(processes.begin(), processes.end(),
                                 [&](const JetsonProcess& p) { return p.pid == process.pid; });
  if (same == processes.end()) {
    processes.push_back(std::move(process));
  } else if (process.gpu_memory_bytes) {
    same->gpu_memory_bytes = same->gpu_memory_bytes.value_or(0) + *process.gpu_memory_bytes;
  }
}

JtopInit parse_jtop_init(PickleValue init) {
  // Label, key since 4.1, key before. The serial number is left out on purpose.
  struct Field {
    const char* label;
    const char* key;
    const char* older;
  };
  constexpr std::array<Field, 10> fields = {{{"model", "Model", "machine"},
                                             {"module", "Module", "machine"},
                                             {"soc", "SoC", "SOC"},
                                             {"l4t", "L4T", "L4T"},
                                             {"jetpack", "Jetpack", "jetpack"},
                                             {"cuda_arch_bin", "CUDA Arch BIN", "CUDA_ARCH_BIN"},
                                             {"codename", "Codename", "CODENAME"},
                                             {"p_number", "P-Number", "MODULE"},
                                             {"part_number", "699-level Part Number", ""},
                                             {"board_ids", "BoardIDs", "BOARDIDS"}}};
  JtopInit out;
  out.version = label_text(init["version"]);
  const auto interval = init["interval"].number();
  if (interval && *interval > 0) out.interval_s = interval;
  const PickleValue hardware = init["board"]["hardware"];
  const PickleValue info = init["board"]["info"];
  for (const auto& field : fields) {
    std::string text = label_text(hardware[field.key]);
    if (text.empty()) text = label_text(hardware[field.older]);
    if (text.empty()) text = label_text(info[field.older]);
    if (!text.empty()) out.board[field.label] = std::move(text);
  }
  return out;
}

JetsonReadings parse_jtop_data(PickleValue data) {
  const PickleValue cpu = data["cpu"];
  const bool legacy = !data["mem"] && (cpu[1] || cpu["CPU1"]);
  return legacy ? parse_jtop_legacy(data) : parse_jtop_modern(data);
}

}  // namespace godwit
