// `godwit nodes`: the fleet in one table or JSON, from the broker alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cloud/node_summary.h"
#include "transport/mqtt_link.h"

namespace godwit {

struct NodesOptions {
  std::vector<std::string> names;  // empty: all
  bool json = false;
  bool color = false;
  bool check = false;           // exit code 2 when a node is not well
  std::int64_t listen_ms = 0;   // for frames, after what is retained
  std::int64_t timeout_ms = 0;  // for the broker
};

// One line per node, under a header.
std::string nodes_table(std::span<const NodeSummary> nodes, std::int64_t now_wall_ms, bool color);
// One array. Keys without a value are left out; times are milliseconds since 1970.
std::string nodes_json(std::span<const NodeSummary> nodes, std::int64_t now_wall_ms);

// Offline, or its health is warning or critical.
bool is_unwell(const NodeSummary& node);

// Ends when all that is retained has come: no retained message for half a second (or ten round
// trips to the broker) behind the connection or the one before. With `listen_ms` it goes on until
// every node that is online was heard, so long at most. Exit codes: 0, 1 (no broker, or a node that
// was named is not known), 2 (see `check`).
int nodes_command(MqttOptions broker, const NodesOptions& options);

}  // namespace godwit
