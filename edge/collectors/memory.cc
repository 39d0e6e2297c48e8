#include <algorithm>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

// "Active(anon)" -> "Active_anon".
std::string field_name(std::string_view key) {
  std::string name;
  for (const char c : key) {
    if (c == ')') continue;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  return name;
}

bool is_reported_vmstat(std::string_view key) {
  if (key.starts_with("oom_kill") || key.starts_with("pgpg") || key.starts_with("pswp"))
    return true;
  return key.starts_with("pg") && key.find("fault") != std::string_view::npos;
}

class Memory final : public Collector {
 public:
  explicit Memory(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto meminfo = host_.read_file("/proc/meminfo");
    if (!meminfo) return meminfo.error();
    Status status;
    keep_first_fault(status, parse_meminfo(*meminfo, out));
    if (const auto vmstat = host_.read_file("/proc/vmstat")) {
      keep_first_fault(status, parse_vmstat(*vmstat, out));
    }
    return status.ok() ? status : status.error().with_prefix("meminfo, vmstat");
  }

 private:
  const Host& host_;
};

}  // namespace

Status parse_meminfo(std::string_view text, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    std::string_view key = next_field(rest);
    const auto value = parse_int<std::uint64_t>(next_field(rest));
    if (key.size() < 2 || key.size() > 64 || key.back() != ':' || !value) {
      if (!line.empty()) bad.add(line);
      continue;
    }
    key.remove_suffix(1);
    const bool is_kib = next_field(rest) == "kB";
    out.add(concat("node_memory_", field_name(key), is_kib ? "_bytes" : ""),
            static_cast<double>(*value) * (is_kib ? 1024 : 1));
  }
  return bad.status();
}

Status parse_vmstat(std::string_view text, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    const std::string_view key = next_field(rest);
    if (!is_name_part(key) || !is_reported_vmstat(key)) continue;
    if (const auto value = parse_int<std::uint64_t>(next_field(rest))) {
      out.add(concat("node_vmstat_", key), static_cast<double>(*value));
    } else {
      bad.add(line);
    }
  }
  return bad.status();
}

std::unique_ptr<Collector> make_memory(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Memory>(host);
}

}  // namespace godwit
