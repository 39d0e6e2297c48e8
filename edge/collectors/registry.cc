// The hand-kept list of collectors, in the order of `once`. test/edge/registry_test.cc compares it
// with the folder and with README.md, so a forgotten line fails.
#include <algorithm>

#include "edge/collector.h"
#include "edge/collectors/host_collectors.h"
#include "edge/collectors/jtop/jtop.h"
#include "edge/collectors/network_rtt.h"
#include "edge/collectors/npu_smi/npu_smi.h"
#include "edge/collectors/nvidia_smi/nvidia_smi.h"
#include "edge/collectors/pod_resources/pod_resources.h"
#include "edge/collectors/pods/pods.h"
#include "edge/collectors/scrape.h"
#include "edge/collectors/tegra/tegra.h"
#include "edge/collectors/textfile.h"
#include "edge/collectors/xid.h"
#include "transport/text.h"

namespace godwit {
namespace {

using std::chrono::seconds;

CollectorSettings every(seconds interval) {
  CollectorSettings settings;
  settings.interval = interval;
  settings.deadline = std::min(interval, seconds(5));
  return settings;
}

// A full node_exporter on eight cores serves about 1,200 series.
CollectorSettings foreign() {
  CollectorSettings settings = every(seconds(15));
  settings.max_series = 2000;
  return settings;
}

CollectorSettings of_jtop() {
  CollectorSettings settings;
  settings.deadline = seconds(5);
  settings.socket = "/run/jtop.sock";
  return settings;
}

}  // namespace

std::string collector_name(const CollectorSpec& spec, const CollectorSettings& settings) {
  const std::string& target = settings.target.name;
  return target.empty() ? std::string(spec.name) : concat(spec.name, "_", target);
}

const std::vector<CollectorSpec>& collector_registry() {
  static const std::vector<CollectorSpec> registry = {
      {"jtop", "/run/jtop.sock (jtop.service of jetson_stats)", false, of_jtop(), make_jtop},
      {"tegra", "sysfs of a Jetson, without the jtop service", false, of_jtop(), make_tegra},
      {"npu_smi", "npu-smi info", false, npu_smi_defaults(), make_npu_smi},
      {"nvidia_smi", "nvidia-smi --query-gpu", false, nvidia_smi_defaults(), make_nvidia_smi},
      {"xid", "/dev/kmsg: Xids of NVIDIA's driver", true, every(seconds(10)), make_xid},
      {"cpu", "/proc/stat, cpufreq", true, every(seconds(1)), make_cpu},
      {"memory", "/proc/meminfo, /proc/vmstat", true, every(seconds(1)), make_memory},
      {"load", "/proc/loadavg, file-nr", true, every(seconds(1)), make_load},
      {"disk", "/proc/diskstats", true, every(seconds(1)), make_disk},
      {"filesystem", "/proc/1/mounts, statvfs", true, every(seconds(10)), make_filesystem},
      {"network", "/proc/net, /sys/class/net", true, every(seconds(1)), make_network},
      {"pressure", "/proc/pressure", true, every(seconds(1)), make_pressure},
      {"thermal", "/sys/class/thermal", true, every(seconds(1)), make_thermal},
      {"hwmon", "/sys/class/hwmon", false, every(seconds(10)), make_hwmon},
      {"pods", "control groups, MetaServer, /var/log/pods", false, pods_defaults(), make_pods},
      {"pod_resources", "the kubelet's pod-resources socket", false, pod_resources_defaults(),
       make_pod_resources},
      {"network_rtt", "TCP connects to the broker and other targets", false, network_rtt_defaults(),
       make_network_rtt, check_network_rtt},
      {"uname", "uname, /etc/os-release", true, every(seconds(60)), make_uname},
      {"boottime", "/proc/stat, adjtimex", true, every(seconds(10)), make_boottime},
      {"textfile", "*.prom files", false, foreign(), make_textfile},
      {"scrape", "HTTP exporters on this node", false, foreign(), make_scrape},
  };
  return registry;
}

}  // namespace godwit
