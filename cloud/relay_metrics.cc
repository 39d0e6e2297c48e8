#include "cloud/relay_metrics.h"

#include "transport/exposition.h"
#include "transport/metric.h"

namespace godwit {
namespace {

double as_number(std::uint64_t count) { return static_cast<double>(count); }
double as_seconds(std::uint64_t ms) { return static_cast<double>(ms) / 1000; }

template <class Counts>
void add_by(Batch& out, std::string_view name, const std::string& label, const Counts& counts) {
  for (const auto& [key, count] : counts) out.add(name, {{label, key}}, as_number(count));
}

void add_counters(Batch& out, const RelayCounters& counters) {
  add_by(out, "godwit_relay_received_messages_total", "kind", counters.received);
  add_by(out, "godwit_relay_ignored_messages_total", "reason", counters.ignored);
  add_by(out, "godwit_relay_acks_total", "verdict", counters.acks);
  add_by(out, "godwit_relay_dropped_samples_total", "reason", counters.dropped_samples);
  out.add("godwit_relay_unsent_acks_total", as_number(counters.unsent_acks));
  out.add("godwit_relay_duplicate_frames_total", as_number(counters.duplicate_frames));
  out.add("godwit_relay_stored_samples_total", as_number(counters.stored_samples));
  out.add("godwit_relay_found_stored_samples_total", as_number(counters.found_stored_samples));
  out.add("godwit_relay_delivered_frames_total", as_number(counters.delivered_frames));
  out.add("godwit_relay_delivery_seconds_total", as_seconds(counters.delivery_ms));
}

void add_writes(Batch& out, const DeliveryStats& writes) {
  out.add("godwit_relay_write_requests_total", as_number(writes.requests));
  out.add("godwit_relay_write_retries_total", as_number(writes.retries));
  out.add("godwit_relay_write_refused_total", as_number(writes.refused_requests));
  out.add("godwit_relay_write_failed_total", as_number(writes.failed_requests));
  out.add("godwit_relay_write_bytes_total", as_number(writes.sent_bytes));
  out.add("godwit_relay_write_seconds_total", as_seconds(writes.request_ms));
}

void add_fleet(Batch& out, const Fleet& fleet) {
  for (const auto& [node, presence] : fleet.nodes()) {
    const Labels labels = {{"node", node}};
    out.add("godwit_node_online", labels, presence.online ? 1 : 0);
    out.add("godwit_node_backlog_ticks", labels, as_number(presence.backlog_ticks));
    out.add("godwit_node_catching_up", labels, presence.catching_up ? 1 : 0);
    if (presence.last_frame_ms > 0) {
      out.add("godwit_node_last_frame_timestamp_seconds", labels,
              static_cast<double>(presence.last_frame_ms) / 1000);
    }
    for (const auto& [reason, ticks] : presence.lost) {
      out.add("godwit_node_lost_ticks_total", {{"node", node}, {"reason", reason}},
              as_number(ticks));
    }
  }
}

}  // namespace

std::string expose_eventbus(const EventbusStats& stats) {
  Batch out;
  const std::string envelopes = "godwit_relay_eventbus_envelopes_total";
  out.add(envelopes, {{"result", "taken"}}, as_number(stats.envelopes));
  out.add(envelopes, {{"result", "repeated"}}, as_number(stats.repeated));
  out.add(envelopes, {{"result", "refused"}}, as_number(stats.refused));
  const std::string answers = "godwit_relay_eventbus_answers_total";
  out.add(answers, {{"result", "sent"}}, as_number(stats.answers));
  out.add(answers, {{"result", "given_up"}}, as_number(stats.unanswered));
  return expose(out.samples());
}

std::string expose_relay(std::string_view relay_name, const RelayCounters& counters,
                         const RelayGauges& gauges, const DeliveryStats& writes,
                         const LinkStats& link, const Fleet& fleet) {
  Batch out;
  out.add_info("godwit_relay_info",
               {{"relay", std::string(relay_name)}, {"version", GODWIT_VERSION}});
  add_counters(out, counters);
  add_writes(out, writes);
  out.add("godwit_relay_queue_frames", as_number(gauges.queue_frames));
  out.add("godwit_relay_queue_bytes", as_number(gauges.queue_bytes));
  out.add("godwit_relay_schemas", as_number(gauges.schemas));
  out.add("godwit_relay_out_of_order_ok", gauges.out_of_order_ok ? 1 : 0);
  out.add("godwit_relay_out_of_order_window_seconds",
          static_cast<double>(gauges.out_of_order_window_ms) / 1000);
  out.add("godwit_relay_link_connected", link.connected ? 1 : 0);
  out.add("godwit_relay_received_bytes_total", as_number(link.received_payload_bytes));
  add_fleet(out, fleet);
  return expose(out.samples());
}

}  // namespace godwit
