#include <array>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

class Load final : public Collector {
 public:
  explicit Load(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto loadavg = host_.read_file("/proc/loadavg");
    if (!loadavg) return loadavg.error();
    Status status;
    keep_first_fault(status, parse_loadavg(*loadavg, out));
    if (const auto file_nr = host_.read_file("/proc/sys/fs/file-nr")) {
      keep_first_fault(status, parse_file_nr(*file_nr, out));
    }
    return status.ok() ? status : status.error().with_prefix("loadavg, file-nr");
  }

 private:
  const Host& host_;
};

}  // namespace

Status parse_loadavg(std::string_view text, Batch& out) {
  const std::string_view line = next_line(text);
  std::string_view rest = line;
  std::array<double, 3> loads{};
  for (double& load : loads) {
    const auto value = parse_double(next_field(rest));
    if (!value) {
      return Error{ErrorCode::invalid, concat("no three load averages: ", quote_for_message(line))};
    }
    load = *value;
  }
  out.add("node_load1", loads[0]);
  out.add("node_load5", loads[1]);
  out.add("node_load15", loads[2]);
  return {};
}

Status parse_file_nr(std::string_view text, Batch& out) {
  const std::string_view line = next_line(text);
  std::string_view rest = line;
  const auto allocated = parse_int<std::uint64_t>(next_field(rest));
  next_field(rest);  // free ones, always 0 since Linux 2.6
  const auto maximum = parse_int<std::uint64_t>(next_field(rest));
  if (!allocated || !maximum) {
    return Error{ErrorCode::invalid, concat("no three numbers: ", quote_for_message(line))};
  }
  out.add("node_filefd_allocated", static_cast<double>(*allocated));
  out.add("node_filefd_maximum", static_cast<double>(*maximum));
  return {};
}

std::unique_ptr<Collector> make_load(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Load>(host);
}

}  // namespace godwit
