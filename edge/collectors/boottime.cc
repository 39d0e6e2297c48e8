#include <sys/timex.h>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

// What the kernel says of its own clock: adjtimex(2) with no mode only reads.
void add_clock_discipline(Batch& out) {
  timex state{};
  const int result = adjtimex(&state);
  if (result < 0) return;
  const double offset_unit = (state.status & STA_NANO) != 0 ? 1e9 : 1e6;
  out.add("node_timex_offset_seconds", static_cast<double>(state.offset) / offset_unit);
  out.add("node_timex_maxerror_seconds", static_cast<double>(state.maxerror) / 1e6);
  out.add("node_timex_estimated_error_seconds", static_cast<double>(state.esterror) / 1e6);
  out.add("node_timex_sync_status", result == TIME_ERROR ? 0 : 1);
}

class BootTime final : public Collector {
 public:
  explicit BootTime(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    out.add("node_time_seconds", static_cast<double>(host_.now().wall_ms) / 1000);
    if (is_live(host_)) add_clock_discipline(out);
    const auto text = host_.read_file("/proc/stat");
    if (!text) return text.error();
    const auto seconds = parse_boot_time(*text);
    if (!seconds) return seconds.error().with_prefix(host_.path("/proc/stat"));
    out.add("node_boot_time_seconds", *seconds);
    return {};
  }

 private:
  const Host& host_;
};

}  // namespace

Result<double> parse_boot_time(std::string_view stat_text) {
  while (!stat_text.empty()) {
    std::string_view rest = next_line(stat_text);
    if (next_field(rest) != "btime") continue;
    const auto seconds = parse_int(next_field(rest));
    if (seconds) return static_cast<double>(*seconds);
    break;
  }
  return Error{ErrorCode::invalid, "no line \"btime SECONDS\""};
}

std::unique_ptr<Collector> make_boottime(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<BootTime>(host);
}

}  // namespace godwit
