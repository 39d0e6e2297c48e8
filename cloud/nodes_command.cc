#include <algorithm>
#include <cstdio>

#include "cloud/broker_watch.h"
#include "cloud/fleet_watch.h"
#include "cloud/nodes.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_waiting_messages = 200'000;
constexpr std::int64_t quiet_ms = 500;
constexpr int exit_unwell = 2;

Status subscribe(Link& link, const NodesOptions& options) {
  auto names = options.names;
  if (names.empty()) names.emplace_back();
  for (const auto& name : names) {
    if (Status status = FleetWatch::subscribe_presence(link, name); !status) return status;
    if (Status status = FleetWatch::subscribe_latest(link, name); !status) return status;
    if (options.listen_ms == 0) continue;
    if (Status status = FleetWatch::subscribe_frames(link, name); !status) return status;
  }
  return {};
}

bool all_are_heard(const FleetWatch& fleet) {
  return std::all_of(fleet.nodes().begin(), fleet.nodes().end(), [&](const auto& node) {
    return !node.second.online || fleet.has_heard(node.first);
  });
}

// An Error: the broker was not there in time.
Status listen(BrokerWatch& watch, const NodesOptions& options, FleetWatch& fleet) {
  const Clock clock = system_clock();
  const std::int64_t start_ms = steady_ms();
  std::int64_t last_ms = 0;  // when the last retained message came
  while (!stop_requested()) {
    const auto messages = watch.wait(50);
    const std::int64_t now_ms = steady_ms();
    for (const auto& message : messages) {
      fleet.on_message(message, clock().wall_ms);
      if (message.retained) last_ms = now_ms;
    }
    fleet.ask_again(watch.link());
    if (!watch.connected()) {
      if (now_ms - start_ms < options.timeout_ms) continue;
      return Error{ErrorCode::unavailable,
                   watch.reason().empty() ? "the broker does not answer" : watch.reason()};
    }
    const auto patience_ms = std::max<std::int64_t>(
        quiet_ms, static_cast<std::int64_t>(watch.link().stats().rtt_us / 100));
    if (now_ms - std::max(last_ms, watch.connected_ms()) < patience_ms) continue;
    if (now_ms - watch.connected_ms() >= options.listen_ms || all_are_heard(fleet)) break;
  }
  return {};
}

// A node that was named and never was at this broker.
bool has_unknown_name(const FleetWatch& fleet, const NodesOptions& options) {
  bool found = false;
  for (const auto& name : options.names) {
    if (fleet.nodes().contains(name)) continue;
    std::fprintf(stderr, "godwit: this broker knows no node %s\n", name.c_str());
    found = true;
  }
  return found;
}

void add_hints(const FleetWatch& fleet, const NodesOptions& options) {
  if (fleet.nodes().empty() && options.names.empty()) {
    std::fputs("godwit: no node has ever been at this broker\n", stderr);
  }
  if (all_are_heard(fleet)) return;
  const auto* const hint =
      options.listen_ms == 0
          ? "godwit: kind, health and more come with the readings: --listen 15s waits for them\n"
          : "godwit: not every node that is online sent readings meanwhile\n";
  std::fputs(hint, stderr);
}

}  // namespace

int nodes_command(MqttOptions broker, const NodesOptions& options) {
  catch_stop_signals();
  FleetWatch fleet;
  BrokerWatch watch(std::move(broker), max_waiting_messages);
  if (Status status = subscribe(watch.link(), options); !status) return complain(status.error());
  if (Status status = watch.start(); !status) return complain(status.error());
  if (Status status = listen(watch, options, fleet); !status) return complain(status.error());

  std::vector<NodeSummary> nodes;
  const std::int64_t now_ms = system_clock()().wall_ms;
  for (const auto& [name, presence] : fleet.nodes()) nodes.push_back(fleet.summary(name, now_ms));
  const std::string text =
      options.json ? nodes_json(nodes, now_ms) : nodes_table(nodes, now_ms, options.color);
  std::fputs(text.c_str(), stdout);
  const bool written = std::fflush(stdout) == 0;
  add_hints(fleet, options);
  if (watch.lost() > 0) {
    std::fputs("godwit: more messages came than could be read: the list is not whole\n", stderr);
  }
  if (has_unknown_name(fleet, options) || stop_requested() || !written) return exit_failure;
  const bool unwell = std::any_of(nodes.begin(), nodes.end(), is_unwell);
  return options.check && unwell ? exit_unwell : 0;
}

}  // namespace godwit
