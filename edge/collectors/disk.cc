#include <algorithm>
#include <array>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

struct Column {
  std::string_view metric;
  double factor;  // multiplied when >= 1, else the reciprocal divides, which keeps decimals exact
};
constexpr double per_ms = 0.001;
constexpr double sector_bytes = 512;

// Columns 4 to 20 of /proc/diskstats (Documentation/admin-guide/iostats.rst); older kernels have 11
// or 15 of them.
constexpr std::array<Column, 17> columns = {{
    {"node_disk_reads_completed_total", 1},
    {"node_disk_reads_merged_total", 1},
    {"node_disk_read_bytes_total", sector_bytes},
    {"node_disk_read_time_seconds_total", per_ms},
    {"node_disk_writes_completed_total", 1},
    {"node_disk_writes_merged_total", 1},
    {"node_disk_written_bytes_total", sector_bytes},
    {"node_disk_write_time_seconds_total", per_ms},
    {"node_disk_io_now", 1},
    {"node_disk_io_time_seconds_total", per_ms},
    {"node_disk_io_time_weighted_seconds_total", per_ms},
    {"node_disk_discards_completed_total", 1},
    {"node_disk_discards_merged_total", 1},
    {"node_disk_discarded_sectors_total", 1},
    {"node_disk_discard_time_seconds_total", per_ms},
    {"node_disk_flush_requests_total", 1},
    {"node_disk_flush_requests_time_seconds_total", per_ms},
}};

std::string_view without_digits(std::string_view text) {
  while (!text.empty() && text.back() >= '0' && text.back() <= '9') text.remove_suffix(1);
  return text;
}

class Disk final : public Collector {
 public:
  explicit Disk(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto text = host_.read_file("/proc/diskstats");
    if (!text) return text.error();
    const Status status = parse_diskstats(*text, out);
    return status.ok() ? status : status.error().with_prefix(host_.path("/proc/diskstats"));
  }

 private:
  const Host& host_;
};

}  // namespace

// node_exporter: ^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$, and here zram and the partitions
// of eMMC and SD cards too (a Jetson has 15, which no dashboard draws).
bool is_reported_disk(std::string_view device) {
  const std::string_view stem = without_digits(device);
  if (stem.size() == device.size()) return true;
  if (stem == "ram" || stem == "zram" || stem == "loop" || stem == "fd") return false;
  for (const std::string_view bus : {"hd", "sd", "vd", "xvd"}) {
    const bool is_partition =
        stem.size() == bus.size() + 1 && stem.starts_with(bus) && stem.back() >= 'a';
    if (is_partition) return false;
  }
  const bool has_p = stem.size() > 1 && stem.back() == 'p';
  return !(has_p && (stem.starts_with("nvme") || stem.starts_with("mmcblk")));
}

Status parse_diskstats(std::string_view text, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    next_field(rest);  // major
    next_field(rest);  // minor
    const std::string_view device = next_field(rest);
    if (device.empty() || !is_utf8(device)) {
      if (!line.empty()) bad.add(line);
      continue;
    }
    if (!is_reported_disk(device)) continue;
    const std::string label(device);
    for (const auto& column : columns) {
      const std::string_view field = next_field(rest);
      if (field.empty()) break;
      const auto value = parse_int<std::uint64_t>(field);
      if (!value) {
        bad.add(line);
        break;
      }
      const auto number = static_cast<double>(*value);
      out.add(column.metric, {{"device", label}},
              column.factor < 1 ? number / 1000 : number * column.factor);
    }
  }
  return bad.status();
}

std::unique_ptr<Collector> make_disk(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Disk>(host);
}

}  // namespace godwit
