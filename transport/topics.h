// Names of MQTT topics: the one place that builds and takes them apart.
//
//   godwit/v1/<node>/up                 frames
//   godwit/v1/<node>/schema/<hash>      schema messages, retained
//   godwit/v1/<node>/down               acks
//   godwit/v1/<node>/status             birth, and the will (death), retained
//   godwit/v1/<node>/latest/<collector> present readings, retained
//   godwit/v1/relay                     state of the relay, retained
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

namespace topics {

inline constexpr std::string_view root = "godwit/v1/";
inline constexpr std::string_view relay = "godwit/v1/relay";

std::string up(std::string_view node);
std::string down(std::string_view node);
std::string status(std::string_view node);
std::string schema(std::string_view node, SchemaId id);
std::string latest(std::string_view node, std::string_view collector);
// "$share/<group>/<filter>".
std::string shared(std::string_view group, std::string_view filter);

}  // namespace topics

// A node name is what Kubernetes allows: 1 to 253 of [a-z0-9.-], no '/', '+', '#'. Upper case and
// '_' are let through for brokers outside Kubernetes. "relay" is taken.
Status check_node_name(std::string_view name);

enum class TopicKind : unsigned char { up, down, status, schema, latest };

struct NodeTopic {
  std::string_view node;
  TopicKind kind = TopicKind::up;
  std::string_view rest;  // hash or collector
};

// nullopt for anything that is not one of ours with a valid node name.
std::optional<NodeTopic> parse_topic(std::string_view topic);

}  // namespace godwit
