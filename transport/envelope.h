// Envelope: one line of ASCII that carries messages between a node and a relay over KubeEdge's
// EventBus and Router, which repair bytes that are not UTF-8, say neither node nor topic, and
// authenticate nobody. Grammar and an example: FRAME.md. Used by eventbus_link.h and the relay's
// HTTP ingest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

// A message as it would be published by MQTT: the topic behind "godwit/v1/<node>/", or "relay".
struct EnvelopePart {
  std::string topic;
  std::string payload;

  bool operator==(const EnvelopePart&) const = default;
};

struct Envelope {
  // Signed too, so that nothing that a node sent can be played back to it.
  enum class Direction : std::uint8_t { up, down };

  Direction direction = Direction::up;
  std::string node;
  std::string boot_id;        // of the node
  std::uint64_t session = 0;  // of the agent: random, one per start
  // up: counts the session's envelopes, from 1. down: the newest one that the relay has seen.
  std::uint64_t seq = 0;
  std::vector<EnvelopePart> parts;
};

inline constexpr std::size_t max_envelope_bytes = 64U << 10;
// Topics and payloads of all parts, each with some bytes of its own, that surely fit.
inline constexpr std::size_t max_envelope_content = 48'000;
inline constexpr std::size_t envelope_part_overhead = 16;
// One payload that surely fits with its topic: what frames and schemas keep to.
inline constexpr std::size_t max_envelope_payload = 47'000;
inline constexpr std::size_t max_envelope_parts = 256;

// The content must fit (assert).
std::string seal_envelope(const Envelope& envelope, std::string_view node_key);

// What a message says before it is believed, to find the key by.
using NodeKey = std::function<Result<std::string>(std::string_view node)>;

// `permission`: the signature is not the node's. Any input ends in a value or an Error; nothing of
// the content is looked at before the signature holds.
Result<Envelope> open_envelope(std::string_view text, Envelope::Direction direction,
                               const NodeKey& key_of);

// The key of one node out of the key of all. Who holds the latter can speak for every node.
std::string derive_node_key(std::string_view master_key, std::string_view node);

}  // namespace godwit
