#include <algorithm>
#include <string>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr double user_hz = 100;  // USER_HZ, the same on every Linux
constexpr std::size_t max_cpus = 4096;
constexpr std::array<std::string_view, 8> modes = {"user",   "nice", "system",  "idle",
                                                   "iowait", "irq",  "softirq", "steal"};
constexpr std::size_t idle_mode = 3;
// A step back of the idle time by this much means that the CPU was away and counts anew.
constexpr std::uint64_t restart_ticks = 300;

void keep_counting_up(CpuTicks& known, const CpuTicks& now) {
  if (now[idle_mode] + restart_ticks <= known[idle_mode]) {
    known = now;
    return;
  }
  std::transform(known.begin(), known.end(), now.begin(), known.begin(),
                 [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); });
}

bool parse_cpu_line(std::string_view number, std::string_view rest, CpuHistory& history,
                    Batch& out) {
  const auto index = parse_int<std::size_t>(number);
  if (!index || *index >= max_cpus) return false;
  CpuTicks now{};
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::string_view field = next_field(rest);
    if (field.empty() && i > idle_mode) break;  // older kernels have fewer columns
    const auto ticks = parse_int<std::uint64_t>(field);
    if (!ticks) return false;
    now[i] = *ticks;
  }
  if (history.size() <= *index) history.resize(*index + 1);
  CpuTicks& known = history[*index];
  keep_counting_up(known, now);
  const std::string cpu(number);
  for (std::size_t i = 0; i < modes.size(); ++i) {
    out.add("node_cpu_seconds_total", {{"cpu", cpu}, {"mode", std::string(modes[i])}},
            static_cast<double>(known[i]) / user_hz);
  }
  const auto add_guest = [&](const char* mode, std::size_t i) {
    out.add("node_cpu_guest_seconds_total", {{"cpu", cpu}, {"mode", mode}},
            static_cast<double>(known[i]) / user_hz);
  };
  add_guest("user", 8);
  add_guest("nice", 9);
  return true;
}

std::string_view kernel_count_name(std::string_view key) {
  if (key == "ctxt") return "node_context_switches_total";
  if (key == "intr") return "node_intr_total";
  if (key == "processes") return "node_forks_total";
  if (key == "procs_running") return "node_procs_running";
  if (key == "procs_blocked") return "node_procs_blocked";
  return {};
}

// The CPUs that share one clock, and the folder that tells it.
struct Policy {
  std::string name;  // "policy0", or the CPU's number where each CPU has a folder of its own
  std::string folder;
  std::vector<std::string> cpus;
};

class Cpu final : public Collector {
 public:
  explicit Cpu(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto text = host_.read_file("/proc/stat");
    if (!text) return text.error();
    Status status;
    keep_first_fault(status, parse_stat(*text, history_, out));
    if (slow_facts_.due(host_)) read_policies();
    for (const auto& policy : policies_) add_clock(policy, out);
    out.append(Batch(limits_));
    return status.ok() ? status : status.error().with_prefix(host_.path("/proc/stat"));
  }

 private:
  void read_policies() {
    policies_.clear();
    limits_.clear();
    const std::string base = "/sys/devices/system/cpu";
    const auto names = host_.list(base);
    if (!names) return;
    for (const auto& name : *names) {
      const bool is_cpu =
          name.starts_with("cpu") && parse_int<unsigned>(name.substr(3)).has_value();
      if (!is_cpu) continue;
      const std::string folder = concat(base, "/", name, "/cpufreq");
      if (!host_.exists(folder)) continue;
      const std::string cpu = name.substr(3);
      const auto shared = host_.link_name(folder);
      add_to_policy(shared ? *shared : cpu, folder, cpu);
    }
    for (const auto& policy : policies_) {
      add_all(policy, "cpuinfo_min_freq", "node_cpu_frequency_min_hertz", limits_);
      add_all(policy, "cpuinfo_max_freq", "node_cpu_frequency_max_hertz", limits_);
      add_all(policy, "scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", limits_);
      add_all(policy, "scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", limits_);
    }
  }

  void add_to_policy(const std::string& name, const std::string& folder, const std::string& cpu) {
    const auto found = std::find_if(policies_.begin(), policies_.end(),
                                    [&name](const Policy& p) { return p.name == name; });
    if (found != policies_.end()) {
      found->cpus.push_back(cpu);
    } else {
      policies_.push_back({name, folder, {cpu}});
    }
  }

  void add_clock(const Policy& policy, Batch& out) const {
    add_all(policy, "scaling_cur_freq", "node_cpu_scaling_frequency_hertz", out);
  }

  void add_all(const Policy& policy, std::string_view file, std::string_view metric,
               Batch& out) const {
    const auto khz = host_.read_int(concat(policy.folder, "/", file));
    if (!khz) return;
    for (const auto& cpu : policy.cpus) {
      out.add(metric, {{"cpu", cpu}}, static_cast<double>(*khz) * 1000);
    }
  }

  const Host& host_;
  CpuHistory history_;
  SlowFacts slow_facts_;
  std::vector<Policy> policies_;
  Batch limits_;
};

}  // namespace

Status parse_stat(std::string_view text, CpuHistory& history, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    const std::string_view key = next_field(rest);
    if (key.starts_with("cpu")) {
      if (key.size() > 3 && !parse_cpu_line(key.substr(3), rest, history, out)) bad.add(line);
      continue;
    }
    const std::string_view name = kernel_count_name(key);
    if (name.empty()) continue;
    if (const auto count = parse_int<std::uint64_t>(next_field(rest))) {
      out.add(name, static_cast<double>(*count));
    } else {
      bad.add(line);
    }
  }
  return bad.status();
}

std::unique_ptr<Collector> make_cpu(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Cpu>(host);
}

}  // namespace godwit
