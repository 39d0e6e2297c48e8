// The JSON of the HTTP API: exactly the fields of API.md. Used by api.cc.
#pragma once

#include <vector>

#include "cloud/api_model.h"
#include "transport/json_writer.h"

namespace godwit {

void write_node(JsonWriter& json, const NodeMetrics& node);
void write_pod(JsonWriter& json, const PodMetrics& pod);
void write_cluster(JsonWriter& json, const ClusterMetrics& cluster);
// An object by node's name; one by "namespace/pod"; an array.
void write_nodes(JsonWriter& json, const std::vector<NodeState>& nodes);
void write_pods(JsonWriter& json, const std::vector<NodeState>& nodes);
void write_network(JsonWriter& json, const std::vector<NodeState>& nodes);
void write_snapshot(JsonWriter& json, const std::vector<NodeState>& nodes, std::int64_t time_ms);

}  // namespace godwit
