// What the relay shows of itself: made once a second on the owner thread, read on the HTTP
// server's.
#include <mutex>
#include <utility>

#include "cloud/relay.h"
#include "transport/clock.h"

namespace godwit {
namespace {

constexpr std::int64_t report_interval_ms = 1000;
constexpr std::int64_t database_patience_ms = 60'000;

}  // namespace

void Relay::refresh_report() {
  next_report_ms_ = steady_ms() + report_interval_ms;
  counters_.ignored["inbox_full"] = inbox_.refused();
  const LinkStats link = link_.stats();
  const DeliveryStats& writes = writer_.stats();
  Report fresh;
  fresh.connected = link.connected;
  fresh.database_ok =
      writes.failed_requests == 0 ||
      (writes.last_ok_ms > 0 && steady_ms() - writes.last_ok_ms < database_patience_ms);
  fresh.metrics = expose_relay(settings_.name, counters_,
                               {queue_.size(), queue_.bytes(), ingest_.schemas().size(),
                                out_of_order_ok(), traits_.out_of_order_window_ms},
                               writes, link, fleet_);
  const std::lock_guard lock(report_mutex_);
  report_ = std::move(fresh);
}

Relay::Report Relay::report() const {
  const std::lock_guard lock(report_mutex_);
  return report_;
}

}  // namespace godwit
