// EventbusLink: a Link through the node's local MQTT broker, KubeEdge's EventBus and its Router to
// a relay's HTTP ingest, and back. It wraps a link to the local broker.
//
// What goes up is gathered into signed ASCII envelopes (envelope.h), one a second at most: EdgeHub
// carries 30 messages a second for everything on the node, its heartbeat included. A broker's
// PUBACK says nothing about the cloud, so `connected` means the local broker alone. There are no
// retained messages and no will in the cloud: the status is sent again every now and then. Present
// readings (`latest`) stay on the node, retained at the local broker. stats() counts envelopes,
// with an estimate of what carries each: only they cross the node's link.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "transport/link.h"

namespace godwit {

struct EventbusOptions {
  std::string node;
  std::string boot_id;
  std::uint64_t session = 0;
  std::string up_topic = "default/user/godwit/up";  // below <namespace>/user/: always forwarded
  std::string down_topic = "godwit/down";
  // The node's key, read anew for each envelope. On the link's threads; must not block for long.
  std::function<Result<std::string>()> key;
  std::int64_t interval_ms = 1000;  // between two envelopes
  std::int64_t status_interval_ms = 60'000;
  std::int64_t first_status_ms = 5000;  // until a relay was heard; doubles from there
  std::size_t max_queued_bytes = 4U << 20;
};

// A message for the cloud of more than max_envelope_payload bytes may be refused as `invalid`.
std::unique_ptr<Link> make_eventbus_link(std::unique_ptr<Link> broker, EventbusOptions options);

}  // namespace godwit
