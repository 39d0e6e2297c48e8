// Link: how bytes move between a node and a relay. One seam, two implementations: MqttLink
// (mqtt_link.h, libmosquitto) and LoopbackLink (test/fakes/, which drops, duplicates, reorders and
// disconnects on demand). Both pass test/transport/link_contract.h.
//
// A link delivers at most once in its promise: a publish that was accepted may still be lost, come
// twice or late. Only an application ack (ack.h) means that something arrived.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

struct Message {
  std::string topic;
  std::string payload;
  bool retained = false;  // delivered from the broker's store, not live
};

enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1 };

struct LinkEvent {
  enum class Type : std::uint8_t {
    connected,     // CONNACK came; subscriptions are (again) in force or on their way
    disconnected,  // reason says why; the link tries again by itself
    message,
  };
  Type type = Type::message;
  Message message;     // for `message`
  std::string reason;  // for `disconnected`: one line for a person
};

struct LinkStats {
  bool connected = false;
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t sent_messages = 0;
  std::uint64_t sent_payload_bytes = 0;
  std::uint64_t received_messages = 0;
  std::uint64_t received_payload_bytes = 0;
  std::uint64_t refused_messages = 0;    // incoming ones over the size bound
  std::size_t unconfirmed_messages = 0;  // publishes of this connection that wait for the broker
  // At IP level, headers and whatever keeps the connection up included.
  std::uint64_t sent_wire_bytes = 0;
  std::uint64_t received_wire_bytes = 0;
  std::uint64_t rtt_us = 0;  // of the connection, as TCP sees it; 0: not known
};

class Link {
 public:
  // Called on the link's own thread; must not block and must not call the link. The event is the
  // handler's to move from.
  using Handler = std::function<void(LinkEvent&&)>;

  virtual ~Link() = default;

  // Starts connecting in the background and keeps at it until stop(). Never blocks. Once.
  virtual Status start(Handler handler) = 0;

  // Queues one message. Never blocks. ok: the link owns a copy, and has at most a bounded number in
  // flight. Error `unavailable`: not connected, nothing was queued, nothing will be sent later.
  // Error `full`: too much in flight, nothing was queued. Error `invalid`: it cannot go this way at
  // all. Any thread.
  virtual Status publish(std::string_view topic, std::string_view payload, Qos qos,
                         bool retain) = 0;

  // Kept for the link's life and renewed at every connect. May be called before start() and while
  // disconnected. Never blocks. Any thread.
  virtual Status subscribe(std::string_view filter, Qos qos) = 0;

  // So many nodes share the broker: after a failure the link comes back within a time that keeps
  // their connections apart. A link without a broker of many nodes does nothing. Any thread.
  virtual void expect_fleet(std::uint64_t nodes) { (void)nodes; }

  // Sends what is queued for at most `drain_ms`, disconnects cleanly (the will is not sent) and
  // joins the thread. No handler call after it returns. Blocks for at most drain_ms + 1 s.
  // Idempotent.
  virtual void stop(std::int64_t drain_ms) = 0;

  // Any thread.
  [[nodiscard]] virtual LinkStats stats() const = 0;
};

}  // namespace godwit
