// What the relay shows of itself. /metrics: made once a second on the owner thread, read on the
// HTTP server's. Its state message: for nodes and people at the broker.
#include <mutex>
#include <utility>

#include "cloud/relay.h"
#include "transport/clock.h"
#include "transport/latest.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t report_interval_ms = 1000;
constexpr std::int64_t database_patience_ms = 60'000;
constexpr std::int64_t state_interval_ms = 10'000;

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

std::int64_t Relay::trusted_wall_ms() const {
  using Trust = RelaySettings::ClockTrust;
  const bool trusted = settings_.clock == Trust::yes ||
                       (settings_.clock == Trust::automatic && wall_clock_synchronised());
  return trusted ? clock_().wall_ms : 0;
}

void Relay::publish_state() {
  RelayState state{.relay = settings_.name,
                   .wall_ms = trusted_wall_ms(),
                   .version = GODWIT_VERSION,
                   .out_of_order_ok = out_of_order_ok(),
                   .nodes = fleet_.nodes().size()};
  if (state.out_of_order_ok) state.out_of_order_window_ms = traits_.out_of_order_window_ms;
  // Not connected: it is published at the next connect.
  static_cast<void>(
      link_.publish(topics::relay, encode_relay_state(state), Qos::at_least_once, true));
  state_sent_ms_ = steady_ms();
  next_state_ms_ = state_sent_ms_ + state_interval_ms;
}

// What is known of who is there is old while there is no connection.
void Relay::write_up() {
  if (!up_.on() || !connected_ || draining_ || queue_.find("")) return;
  if (auto samples = up_.take(fleet_, clock_().wall_ms)) {
    queue_.push(std::move(*samples), steady_ms());
  }
}

void Relay::tell_presence(std::string_view node, bool retained) {
  if (!on_presence_) return;
  const auto known = fleet_.nodes().find(node);
  on_presence_(node, known != fleet_.nodes().end() ? &known->second : nullptr, retained);
}

}  // namespace godwit
