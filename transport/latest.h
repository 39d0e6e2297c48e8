// Small messages for whoever subscribes: `…/latest/<collector>` (the present readings as one plain
// map, no schema needed), `…/status` (birth and death of an agent) and `godwit/v1/relay`. Each is
// one MessagePack map, retained. Grammar: FRAME.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

// {"t": milliseconds since 1970 UTC, "v": {"name{label=\"x\"}": value, ...}}
std::string encode_latest(std::int64_t wall_ms, const std::vector<Sample>& samples);
struct Latest {
  std::int64_t wall_ms = 0;
  std::vector<std::pair<std::string, double>> values;  // format_series() text and value
};
Result<Latest> decode_latest(std::string_view message);

// A collector that reads nothing, in words for people.
struct CollectorTrouble {
  std::string name{};
  bool absent = false;    // its source is not on this node; else it fails
  std::string message{};  // UTF-8, at most 256 bytes

  bool operator==(const CollectorTrouble&) const = default;
};
inline constexpr std::size_t max_collector_troubles = 64;

// A death carries the boot and session ids of the life that ended, so that a late death of an old
// session is ignored.
struct NodeStatus {
  bool online = false;
  std::string boot_id{};      // /proc/sys/kernel/random/boot_id
  std::uint64_t session = 0;  // random, one per start of the agent
  std::int64_t wall_ms = 0;   // when this was written; 0 in a will
  std::string version{};      // of the agent
  std::uint64_t backlog_ticks = 0;
  std::string clock{};  // state of the node's clock, as in godwit_clock_state; "": not told
  // What the caps of the link do to readings: "" nothing, "thinned" or "held" (FRAME.md).
  std::string link{};
  std::int64_t since_ms = 0;                   // when it came online; 0: not known
  std::vector<CollectorTrouble> collectors{};  // at most max_collector_troubles

  bool operator==(const NodeStatus&) const = default;
};
std::string encode_status(const NodeStatus& status);
Result<NodeStatus> decode_status(std::string_view message);

// What a relay says of itself on `godwit/v1/relay` every few seconds, retained. No agent takes the
// time from it: how long it was under way is not known. Acks carry it better.
struct RelayState {
  std::string relay{};       // name of the relay that speaks
  std::int64_t wall_ms = 0;  // its clock when it wrote this; 0: it does not trust its own clock
  std::string version{};
  bool out_of_order_ok = false;  // the database accepts samples older than a series' last one
  // How far behind the present, milliseconds; 0: any age, or not known.
  std::int64_t out_of_order_window_ms = 0;
  // How many nodes it knows: so many may come back to the broker at one moment. 0: not known.
  std::uint64_t nodes = 0;

  bool operator==(const RelayState&) const = default;
};
std::string encode_relay_state(const RelayState& state);
Result<RelayState> decode_relay_state(std::string_view message);

}  // namespace godwit
