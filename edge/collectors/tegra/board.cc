#include <array>

#include "edge/collectors/tegra/plan.h"
#include "edge/collectors/tegra/tegra.h"

namespace godwit {
namespace {

struct Named {
  std::string_view key, name;
};

// Part numbers of modules, as the device tree's `compatible` has them (Jetson Linux Developer
// Guide, "Jetson Modules and Configurations").
constexpr std::array<Named, 26> modules = {{
    {"p3448-0000", "Jetson Nano (developer kit)"},
    {"p3448-0002", "Jetson Nano"},
    {"p3448-0003", "Jetson Nano 2GB"},
    {"p3310-1000", "Jetson TX2"},
    {"p3489-0000", "Jetson TX2i"},
    {"p3489-0888", "Jetson TX2 4GB"},
    {"p3636-0001", "Jetson TX2 NX"},
    {"p2888-0001", "Jetson AGX Xavier 16GB"},
    {"p2888-0004", "Jetson AGX Xavier 32GB"},
    {"p2888-0005", "Jetson AGX Xavier 64GB"},
    {"p2888-0008", "Jetson AGX Xavier Industrial"},
    {"p3668-0000", "Jetson Xavier NX (developer kit)"},
    {"p3668-0001", "Jetson Xavier NX"},
    {"p3668-0003", "Jetson Xavier NX 16GB"},
    {"p3701-0000", "Jetson AGX Orin (developer kit)"},
    {"p3701-0004", "Jetson AGX Orin 32GB"},
    {"p3701-0005", "Jetson AGX Orin 64GB"},
    {"p3701-0008", "Jetson AGX Orin Industrial"},
    {"p3767-0000", "Jetson Orin NX 16GB"},
    {"p3767-0001", "Jetson Orin NX 8GB"},
    {"p3767-0003", "Jetson Orin Nano 8GB"},
    {"p3767-0004", "Jetson Orin Nano 4GB"},
    {"p3767-0005", "Jetson Orin Nano (developer kit)"},
    {"p3834-0000", "Jetson T5000"},
    {"p3834-0005", "Jetson T4000"},
    {"p3834-0008", "Jetson T5000"},
}};

constexpr std::array<Named, 5> cuda_architectures = {{{"tegra210", "5.3"},
                                                      {"tegra186", "6.2"},
                                                      {"tegra194", "7.2"},
                                                      {"tegra234", "8.7"},
                                                      {"tegra264", "11.0"}}};

// "nvidia,p3768-0000+p3767-0000" or "nvidia,p3767-0000": the module comes last.
std::string_view module_number(std::string_view entry) {
  entry.remove_prefix(entry.rfind(',') + 1);
  entry.remove_prefix(entry.rfind('+') + 1);
  return entry.starts_with("p") && entry.find('-') != std::string_view::npos ? entry
                                                                             : std::string_view();
}

// "# R36 (release), REVISION: 4.0, GCID: ..." -> "36.4.0".
std::string l4t_version(std::string_view release) {
  const std::string_view line = release.substr(0, release.find('\n'));
  const std::size_t r = line.find("# R");
  constexpr std::string_view key = "REVISION: ";
  const std::size_t revision = line.find(key);
  if (r == std::string_view::npos || revision == std::string_view::npos) return {};
  const std::string_view major = line.substr(r + 3, line.find(' ', r + 3) - (r + 3));
  const std::size_t begin = revision + key.size();
  const std::string_view minor = line.substr(begin, line.find(',', begin) - begin);
  return parse_int<unsigned>(major) ? concat(major, ".", tegra_label(minor)) : std::string();
}

}  // namespace

std::map<std::string, std::string> parse_tegra_board(std::string_view model,
                                                     std::string_view compatible,
                                                     std::string_view release) {
  std::map<std::string, std::string> board;
  const auto set = [&board](const char* label, const std::string& text) {
    if (!text.empty()) board.try_emplace(label, text);
  };
  set("model", tegra_label(model));
  set("l4t", l4t_version(release));
  constexpr std::string_view soc_prefix = "nvidia,tegra";
  for (const auto entry : split(compatible, '\0')) {
    if (entry.starts_with(soc_prefix)) set("soc", tegra_label(entry.substr(7)));
    set("p_number", tegra_label(module_number(entry)));
  }
  for (const auto& [number, name] : modules) {
    if (board.contains("p_number") && board["p_number"].starts_with(number)) {
      set("module", std::string(name));
    }
  }
  for (const auto& [soc, version] : cuda_architectures) {
    if (board.contains("soc") && board["soc"] == soc) set("cuda_arch_bin", std::string(version));
  }
  return board;
}

std::optional<std::int64_t> parse_nvpmodel_status(std::string_view text) {
  for (const auto line : split_lines(text)) {
    if (line.starts_with("pmode:")) return parse_int(trim(line.substr(6)));
  }
  return std::nullopt;
}

std::map<std::int64_t, std::string> parse_nvpmodel_modes(std::string_view text) {
  std::map<std::int64_t, std::string> modes;
  for (const auto line : split_lines(text)) {
    const auto fields = split_blanks(line);
    if (fields.size() < 4 || fields[0] != "<" || fields[1] != "POWER_MODEL") continue;
    if (!fields[2].starts_with("ID=") || !fields[3].starts_with("NAME=")) continue;
    const auto id = parse_int(fields[2].substr(3));
    if (id && modes.size() < 64) modes[*id] = tegra_label(fields[3].substr(5));
  }
  return modes;
}

void find_power_mode(const Host& host, TegraPlan& plan) {
  auto conf = host.read_file("/etc/nvpmodel.conf");
  if (!conf) {
    // Usually an absolute link, which leads nowhere below another root.
    const auto target = host.link_name("/etc/nvpmodel.conf");
    if (target) conf = host.read_file(concat("/etc/nvpmodel/", *target));
  }
  const auto modes = conf ? parse_nvpmodel_modes(*conf) : std::map<std::int64_t, std::string>();
  plan.probes.push_back(
      {"/var/lib/nvpmodel/status", [modes](JetsonReadings& r, std::string_view line) {
         r.nvpmodel_id = parse_nvpmodel_status(line);
         const auto mode = modes.find(r.nvpmodel_id.value_or(-1));
         if (mode != modes.end()) r.nvpmodel_name = mode->second;
       }});
}

}  // namespace godwit
