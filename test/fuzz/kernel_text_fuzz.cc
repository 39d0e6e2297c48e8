// Any bytes in place of a file of /proc, /sys or /etc: samples or an Error, and series that keep
// their rules. The first byte picks the parser. Seeds: corpus/kernel_text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"
#include "edge/collectors/tegra/tegra.h"
#include "edge/collectors/xid.h"
#include "transport/text.h"

namespace {

using namespace godwit;

void parse(unsigned which, std::string_view text, Batch& out) {
  switch (which) {
    case 'a': {
      CpuHistory history;
      static_cast<void>(parse_stat(text, history, out));
      static_cast<void>(parse_stat(text, history, out));
      break;
    }
    case 'b':
      static_cast<void>(parse_meminfo(text, out));
      break;
    case 'c':
      static_cast<void>(parse_vmstat(text, out));
      break;
    case 'd':
      static_cast<void>(parse_loadavg(text, out));
      break;
    case 'e':
      static_cast<void>(parse_file_nr(text, out));
      break;
    case 'f':
      static_cast<void>(parse_diskstats(text, out));
      break;
    case 'g':
      static_cast<void>(parse_net_dev(text, out));
      break;
    case 'h':
      static_cast<void>(parse_sockstat(text, out));
      break;
    case 'i':
      static_cast<void>(parse_snmp(text, out));
      break;
    case 'j':
      static_cast<void>(parse_pressure(text, "io", out));
      break;
    case 'k':
      static_cast<void>(parse_os_release(text, out));
      break;
    case 'l':
      static_cast<void>(parse_boot_time(text));
      break;
    case 'm':
      for (const auto& mount : parse_mounts(text)) {
        if (!is_utf8(mount.device) || !is_utf8(mount.mountpoint)) std::abort();
      }
      break;
    case 'n': {
      JetsonReadings readings;
      readings.board = parse_tegra_board(text, text, text);
      readings.processes = parse_nvmap_clients(text);
      readings.free_4mib_blocks = parse_free_4mib_blocks(text);
      readings.nvpmodel_id = parse_nvpmodel_status(text);
      for (const auto& [id, name] : parse_nvpmodel_modes(text)) readings.nvpmodel_name = name;
      JetsonFan fan;
      fan.name = "pwmfan";
      parse_fan_status(text, fan);
      readings.fans.push_back(fan);
      if (auto engine = tegra_engine(text)) readings.engines.push_back(*engine);
      add_jetson_readings(readings, 10, out);
      break;
    }
    case 'o':
      if (const auto xid = parse_xid(text)) out.add_info("hw_gpu_info", {{"hw_id", xid->bus_id}});
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Batch out;
  parse(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1), out);
  for (const auto& sample : out.samples()) {
    const std::string_view name = sample.series.name;
    if (name.size() > 128 || !is_name_part(name.substr(0, 64))) std::abort();
    if (name.size() > 64 && !is_name_part(name.substr(64))) std::abort();
    for (const auto& label : sample.series.labels) {
      if (label.value.empty() || !is_utf8(label.value)) std::abort();
    }
  }
  return 0;
}
