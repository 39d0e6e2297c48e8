// The collectors of the host itself: the kernel's own numbers from /proc and /sys, with the names,
// labels and values of node_exporter 1.5 (github.com/prometheus/node_exporter, collector/).
//
// Each parse_x is pure: the text of a kernel file in, samples out. What is not understood is left
// out, and the first such line is the Error; what was understood is added all the same.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/collector.h"

namespace godwit {

// How often facts that hardly ever change (limits, names, which devices exist) are read again.
inline constexpr std::int64_t slow_facts_ms = 10'000;

// Remembers when slow facts were read last.
class SlowFacts {
 public:
  // True at first and whenever slow_facts_ms have passed; the caller then reads them.
  bool due(const Host& host) {
    const std::int64_t now = host.now().boot_ms;
    if (read_before_ && now - last_ms_ < slow_facts_ms && now >= last_ms_) return false;
    read_before_ = true;
    last_ms_ = now;
    return true;
  }

 private:
  bool read_before_ = false;
  std::int64_t last_ms_ = 0;
};

// True when <root>/proc is the proc file system of a running kernel, not a tree of plain files:
// then system calls (adjtimex) tell about the same machine.
bool is_live(const Host& host);

// Ticks per CPU as reported last. The kernel's idle and iowait may step back a little; a counter
// must not.
using CpuTicks = std::array<std::uint64_t, 10>;  // user nice system idle iowait irq softirq steal
                                                 // guest guest_nice
using CpuHistory = std::vector<CpuTicks>;        // by CPU number

Status parse_stat(std::string_view text, CpuHistory& history, Batch& out);
Status parse_meminfo(std::string_view text, Batch& out);
Status parse_vmstat(std::string_view text, Batch& out);
Status parse_loadavg(std::string_view text, Batch& out);
Status parse_file_nr(std::string_view text, Batch& out);
Status parse_diskstats(std::string_view text, Batch& out);
Status parse_net_dev(std::string_view text, Batch& out);
Status parse_sockstat(std::string_view text, Batch& out);
Status parse_snmp(std::string_view text, Batch& out);
// resource: "cpu", "io", "memory", "irq".
Status parse_pressure(std::string_view text, std::string_view resource, Batch& out);
Status parse_os_release(std::string_view text, Batch& out);
Result<double> parse_boot_time(std::string_view stat_text);

struct Mount {
  std::string device, mountpoint, fstype;
  bool read_only = false;

  bool operator==(const Mount&) const = default;
};
// The mounts worth reporting: no kernel pseudo file systems, no pod volumes, no image layers, and
// none that ask a network or a user-space daemon and so may hang.
std::vector<Mount> parse_mounts(std::string_view text);

// Devices that node_exporter leaves out, and partitions of eMMC, zram, the far ends of pods.
bool is_reported_disk(std::string_view device);
bool is_reported_interface(std::string_view device);

// "Core 0\n" -> "core_0", as node_exporter makes label values of hwmon names.
std::string clean_hwmon_name(std::string_view text);

std::unique_ptr<Collector> make_cpu(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_memory(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_load(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_disk(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_filesystem(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_network(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_pressure(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_thermal(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_hwmon(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_uname(const Host& host, const CollectorSettings& settings);
std::unique_ptr<Collector> make_boottime(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
