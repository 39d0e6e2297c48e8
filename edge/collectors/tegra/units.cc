// CPU cores, GPUs, memory controller, engines: what has a clock.
#include <algorithm>
#include <array>

#include "edge/collectors/tegra/plan.h"
#include "edge/collectors/tegra/tegra.h"

namespace godwit {
namespace {

constexpr std::string_view devfreq = "/sys/class/devfreq";
constexpr std::string_view clocks = "/sys/kernel/debug/clk";
constexpr std::string_view emc_clock = "/sys/kernel/debug/bpmp/debug/clk/emc";
constexpr std::size_t max_cores = 256;

constexpr std::array<std::string_view, 5> gpu_names = {"gv11b", "gp10b", "ga10b", "gb10b", "gpu"};

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// `device` is the GPU's own folder, `clock` the one of its devfreq governor; either may be empty.
void add_gpu(const Host& host, std::string name, const std::string& device,
             const std::string& clock, TegraPlan& plan) {
  const std::size_t i = plan.known.gpus.size();
  JetsonGpu gpu;
  gpu.name = std::move(name);
  if (!clock.empty()) {
    gpu.clock_min_hz = read_number(host, concat(clock, "/min_freq"), 1);
    gpu.clock_max_hz = read_number(host, concat(clock, "/max_freq"), 1);
    plan.add(concat(clock, "/cur_freq"), 1,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.gpus[i].clock_hz; });
  }
  if (!device.empty()) {
    // Of 1000.
    plan.add(concat(device, "/load"), 1e-3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.gpus[i].utilization_ratio; });
    plan.add_flag(concat(device, "/railgate_enable"),
                  [i](JetsonReadings& r) -> std::optional<bool>& { return r.gpus[i].railgate; });
  }
  plan.known.gpus.push_back(std::move(gpu));
  plan.has_gpu = true;
}

// The GPU shares the RAM: nvmap says what is mapped for devices.
void add_shared_memory(JetsonReadings& r, std::string_view meminfo) {
  for (const auto line : split_lines(meminfo)) {
    const auto fields = split_blanks(line);
    if (fields.size() < 2) continue;
    const auto kib = parse_int(fields[1]);
    if (!kib) continue;
    const double bytes = static_cast<double>(*kib) * 1024;
    if (fields[0] == "MemTotal:") r.gpus[0].memory_total_bytes = bytes;
    if (fields[0] == "NvMapMemUsed:") r.gpus[0].memory_used_bytes = bytes;
  }
}

struct EmcClock {
  std::string current, lowest, highest;
};

void add_engine(const Host& host, JetsonEngine engine, const std::string& clock,
                const std::string& count, const std::string& highest, TegraPlan& plan) {
  const std::size_t i = plan.known.engines.size();
  const auto max_hz = read_number(host, highest, 1);
  if (max_hz.value_or(0) > 0) engine.clock_max_hz = max_hz;  // 2^64 - 1, no int64, means none
  plan.known.engines.push_back(std::move(engine));
  plan.add(clock, 1, [i](JetsonReadings& r) -> MaybeNumber& { return r.engines[i].clock_hz; });
  if (count.empty()) return;
  plan.add_flag(count,
                [i](JetsonReadings& r) -> std::optional<bool>& { return r.engines[i].online; });
}

}  // namespace

void find_cores(const Host& host, TegraPlan& plan) {
  const std::string base = "/sys/devices/system/cpu";
  std::vector<int> numbers;
  for (const auto& name : names_in(host, base)) {
    if (!name.starts_with("cpu")) continue;
    const auto number = parse_int<int>(std::string_view(name).substr(3));
    if (number && *number >= 0 && numbers.size() < max_cores) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const int number : numbers) {
    const std::size_t i = plan.known.cores.size();
    const std::string folder = concat(base, "/cpu", number);
    JetsonCore core;
    core.index = number;
    core.governor = read_label(host, concat(folder, "/cpufreq/scaling_governor"));
    core.clock_min_hz = read_number(host, concat(folder, "/cpufreq/scaling_min_freq"), 1e3);
    core.clock_max_hz = read_number(host, concat(folder, "/cpufreq/scaling_max_freq"), 1e3);
    // A core that cannot be switched off has no such file.
    if (!host.exists(concat(folder, "/online"))) core.online = true;
    plan.known.cores.push_back(std::move(core));
    plan.add_flag(concat(folder, "/online"),
                  [i](JetsonReadings& r) -> std::optional<bool>& { return r.cores[i].online; });
    plan.add(concat(folder, "/cpufreq/scaling_cur_freq"), 1e3,
             [i](JetsonReadings& r) -> MaybeNumber& { return r.cores[i].clock_hz; });
  }
}

void find_gpus(const Host& host, TegraPlan& plan) {
  for (const auto& entry : names_in(host, devfreq)) {
    const std::string folder = concat(devfreq, "/", entry);
    const std::string name = read_label(host, concat(folder, "/device/of_node/name"));
    if (contains(gpu_names, name)) {
      add_gpu(host, name, concat(folder, "/device"), folder, plan);
    } else if (entry == "gpu-gpc-0") {  // Thor: no load in sysfs
      add_gpu(host, "gpu", "", folder, plan);
    }
  }
  for (const char* device : {"/sys/devices/gpu.0", "/sys/devices/platform/gpu.0"}) {
    if (plan.has_gpu || !host.exists(concat(device, "/load"))) continue;
    const std::string name = read_label(host, concat(device, "/of_node/name"));
    add_gpu(host, name.empty() ? "gpu" : name, device, "", plan);
  }
}

void find_memory(const Host& host, TegraPlan& plan) {
  if (plan.known.gpus.size() == 1) plan.probes.push_back({"/proc/meminfo", add_shared_memory});
  plan.probes.push_back({"/proc/buddyinfo", [](JetsonReadings& r, std::string_view text) {
                           r.free_4mib_blocks = parse_free_4mib_blocks(text);
                         }});
  const char* const maps = "/sys/kernel/debug/nvmap/iovmm/maps";
  if (host.exists(maps)) {
    plan.probes.push_back({maps, [](JetsonReadings& r, std::string_view text) {
                             r.processes = parse_nvmap_clients(text);
                           }});
  }
  const std::string thor = concat(devfreq, "/bwmgr");
  const std::array<EmcClock, 3> clocks_of_emc = {
      {{concat(thor, "/cur_freq"), concat(thor, "/min_freq"), concat(thor, "/max_freq")},
       {concat(emc_clock, "/rate"), concat(emc_clock, "/min_rate"), concat(emc_clock, "/max_rate")},
       {concat(clocks, "/override.emc/clk_rate"), "/sys/kernel/tegra_bwmgr/emc_min_rate",
        "/sys/kernel/tegra_bwmgr/emc_max_rate"}}};
  const auto* const found =
      std::find_if(clocks_of_emc.begin(), clocks_of_emc.end(),
                   [&host](const EmcClock& c) { return host.exists(c.current); });
  if (found == clocks_of_emc.end()) return;
  plan.known.emc_clock_min_hz = read_number(host, found->lowest, 1);
  plan.known.emc_clock_max_hz = read_number(host, found->highest, 1);
  plan.add(found->current, 1, [](JetsonReadings& r) -> MaybeNumber& { return r.emc_clock_hz; });
  for (const char* activity : {"/sys/kernel/debug/cactmon/mc_all",
                               "/sys/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity",
                               "/sys/kernel/actmon_avg_activity/mc_all"}) {
    if (!host.exists(activity)) continue;
    // Activity over the clock in kHz is a share of 100.
    plan.probes.push_back({activity, [](JetsonReadings& r, std::string_view line) {
                             const auto active = parse_int(line);
                             if (!active || r.emc_clock_hz.value_or(0) <= 0) return;
                             r.emc_utilization_ratio = rounded(
                                 static_cast<double>(*active) / (*r.emc_clock_hz / 1e3) / 100, 1e4);
                           }});
    break;
  }
}

// Root sees every clock in debugfs; others only the engines that scale with their load.
void find_engines(const Host& host, TegraPlan& plan) {
  for (const auto& name : names_in(host, clocks)) {
    auto engine = tegra_engine(name);
    if (!engine) continue;
    const std::string folder = concat(clocks, "/", name);
    add_engine(host, std::move(*engine), concat(folder, "/clk_rate"),
               concat(folder, "/clk_enable_count"), concat(folder, "/clk_max_rate"), plan);
  }
  if (!plan.known.engines.empty()) return;
  for (const auto& entry : names_in(host, devfreq)) {
    const std::string folder = concat(devfreq, "/", entry);
    auto engine = tegra_engine(read_label(host, concat(folder, "/device/of_node/name")));
    if (!engine) continue;
    add_engine(host, std::move(*engine), concat(folder, "/cur_freq"), "",
               concat(folder, "/max_freq"), plan);
  }
}

std::optional<JetsonEngine> tegra_engine(std::string_view clock) {
  constexpr std::array<std::string_view, 9> single = {"ape",   "cvnas", "msenc", "nvdec", "nvenc",
                                                      "nvjpg", "ofa",   "se",    "vic"};
  constexpr std::array<std::string_view, 7> parts = {"core", "falcon", "axi", "cpu_axi",
                                                     "vps",  "vps0",   "vps1"};
  const auto upper = [](std::string_view text) {
    std::string out(text);
    for (char& c : out) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
  };
  const bool numbered = !clock.empty() && clock.back() >= '0' && clock.back() <= '9';
  const std::string_view stem = clock.substr(0, clock.size() - (numbered ? 1 : 0));
  JetsonEngine engine;
  engine.name = upper(clock);
  if (contains(single, stem)) {
    engine.group = upper(stem);
    return engine;
  }
  const std::size_t line = clock.find('_');
  const std::string_view group = clock.substr(0, line);
  if (group != "dla0" && group != "dla1" && group != "pva0" && group != "pva1") return std::nullopt;
  if (line == std::string_view::npos || !contains(parts, clock.substr(line + 1))) {
    return std::nullopt;
  }
  engine.group = upper(group);
  return engine;
}

std::optional<double> parse_free_4mib_blocks(std::string_view text) {
  constexpr std::size_t first_column = 4;  // after "Node 0, zone Normal"
  constexpr std::size_t order_of_4mib = 10;
  std::optional<double> blocks;
  for (const auto line : split_lines(text)) {
    const auto fields = split_blanks(line);
    double size = 1;
    for (std::size_t i = first_column + order_of_4mib; i < fields.size(); ++i) {
      const auto count = parse_int(fields[i]);
      if (count) blocks = blocks.value_or(0) + static_cast<double>(*count) * size;
      size *= 2;
    }
  }
  return blocks;
}

std::vector<JetsonProcess> parse_nvmap_clients(std::string_view text) {
  constexpr std::size_t max_processes = 512;
  std::map<std::int64_t, JetsonProcess> by_pid;
  for (const auto line : split_lines(text)) {
    const auto fields = split_blanks(line);
    if (fields.size() < 4 || fields[0] != "user" || !fields.back().ends_with('K')) continue;
    const auto kib = parse_int(fields.back().substr(0, fields.back().size() - 1));
    const auto pid = parse_int(fields[fields.size() - 2]);
    if (!kib || !pid || *kib <= 0) continue;
    if (by_pid.size() >= max_processes && !by_pid.contains(*pid)) continue;
    JetsonProcess& process = by_pid[*pid];
    process.pid = *pid;
    process.name = tegra_label(fields[1]);
    process.gpu_memory_bytes =
        process.gpu_memory_bytes.value_or(0) + static_cast<double>(*kib) * 1024;
  }
  std::vector<JetsonProcess> out;
  out.reserve(by_pid.size());
  for (auto& [pid, process] : by_pid) out.push_back(std::move(process));
  return out;
}

}  // namespace godwit
