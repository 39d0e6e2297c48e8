#include "edge/self.h"

#include <sys/resource.h>
#include <unistd.h>

#include "edge/host.h"
#include "transport/text.h"

namespace godwit {
namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_usage(std::string_view name, const std::optional<LinkUsage>& usage, Batch& out) {
  if (!usage) return;
  out.add(name, {{"direction", "received"}}, number(usage->received_bytes));
  out.add(name, {{"direction", "sent"}}, number(usage->sent_bytes));
}

void add_losses(const BufferStats& buffer, Batch& out) {
  for (const auto& [reason, lost] : buffer.lost) {
    if (reason == "thinned") {
      out.add("godwit_buffer_thinned_ticks_total", number(lost.ticks));
      out.add("godwit_buffer_thinned_samples_total", number(lost.samples));
    } else {
      out.add("godwit_buffer_dropped_ticks_total", {{"reason", reason}}, number(lost.ticks));
      out.add("godwit_buffer_dropped_samples_total", {{"reason", reason}}, number(lost.samples));
    }
  }
}

void add_clock(const SelfState& state, Batch& out) {
  for (const std::string_view name : {"synchronised", "relay", "unknown", "disputed"}) {
    out.add("godwit_clock_state", {{"state", std::string(name)}},
            state.clock_state == name ? 1 : 0);
  }
  if (!state.clock) return;
  const auto seconds = [](std::int64_t ms) { return static_cast<double>(ms) / 1000; };
  out.add("godwit_clock_ahead_seconds", seconds(state.clock->machine_ahead_ms));
  out.add("godwit_clock_steps_total", number(state.clock->steps));
  out.add("godwit_clock_unconfirmed_seconds", seconds(state.clock->confirmed_before_ms));
}

}  // namespace

ProcessUsage process_usage() {
  const Host machine;
  ProcessUsage usage;
  if (const auto line = machine.read_line("/proc/self/statm")) {
    const auto fields = split_blanks(*line);
    const auto pages = fields.size() > 1 ? parse_int(fields[1]) : std::nullopt;
    if (pages) usage.resident_bytes = static_cast<double>(*pages * sysconf(_SC_PAGESIZE));
  }
  if (const auto text = machine.read_file("/proc/self/io")) {
    for (const auto line : split_lines(*text)) {
      if (!line.starts_with("write_bytes: ")) continue;
      if (const auto bytes = parse_double(line.substr(13))) usage.written_bytes = *bytes;
    }
  }
  rusage spent{};
  if (getrusage(RUSAGE_SELF, &spent) == 0) {
    usage.cpu_seconds = seconds(spent.ru_utime) + seconds(spent.ru_stime);
  }
  return usage;
}

void add_self_readings(const SelfState& state, Batch& out) {
  out.add_info(
      "godwit_agent_info",
      {{"namespace", state.pod_namespace}, {"pod", state.pod}, {"version", GODWIT_VERSION}});
  out.add("godwit_buffer_ticks", number(state.buffer.ticks + state.gathered_ticks));
  out.add("godwit_buffer_bytes", number(state.buffer.bytes));
  out.add("godwit_buffer_limit_bytes", number(state.buffer_limit_bytes));
  if (state.oldest_age_ms) {
    out.add("godwit_buffer_oldest_age_seconds", static_cast<double>(*state.oldest_age_ms) / 1000);
  }
  out.add("godwit_buffer_syncs_total", number(state.buffer.syncs));
  out.add("godwit_buffer_durability", {{"mode", std::string(durability_name(state.durability))}},
          1);
  out.add("godwit_buffer_in_memory", state.buffer_in_memory ? 1 : 0);
  add_losses(state.buffer, out);
  for (const auto& [reason, ticks] : state.buffer.dead_by_reason) {
    out.add("godwit_link_rejected_ticks_total", {{"reason", reason}}, number(ticks));
  }
  out.add("godwit_link_connected", state.link.connected ? 1 : 0);
  if (state.link.connected && state.link.rtt_us > 0) {
    out.add("godwit_link_rtt_seconds", number(state.link.rtt_us) / 1e6);
  }
  add_usage("godwit_link_wire_bytes_total",
            LinkUsage{state.link.sent_wire_bytes, state.link.received_wire_bytes}, out);
  add_usage("godwit_link_day_bytes", state.link_day, out);
  add_usage("godwit_link_month_bytes", state.link_month, out);
  if (const std::uint64_t cap = state.link_limits.max_bytes_per_day; cap > 0) {
    out.add("godwit_link_day_limit_bytes", number(cap));
  }
  if (const std::uint64_t cap = state.link_limits.max_bytes_per_month; cap > 0) {
    out.add("godwit_link_month_limit_bytes", number(cap));
  }
  out.add("godwit_link_sent_bytes_total", number(state.link.sent_payload_bytes));
  out.add("godwit_link_sent_frames_total", number(state.uplink.sent_frames));
  out.add("godwit_link_resent_frames_total", number(state.uplink.resent_frames));
  out.add("godwit_link_overtaking_frames_total", number(state.uplink.overtaking_frames));
  for (const auto budget :
       {LinkBudget::State::held, LinkBudget::State::open, LinkBudget::State::thinned}) {
    out.add("godwit_link_budget_state", {{"state", std::string(state_name(budget))}},
            state.link_budget == budget ? 1 : 0);
  }
  add_clock(state, out);
  const ProcessUsage usage = process_usage();
  if (usage.resident_bytes) out.add("godwit_process_resident_memory_bytes", *usage.resident_bytes);
  if (usage.written_bytes) out.add("godwit_buffer_written_bytes_total", *usage.written_bytes);
  out.add("godwit_process_cpu_seconds_total", usage.cpu_seconds);
}

}  // namespace godwit
