// MqttOutbox: what MqttLink was asked to send and the broker has not confirmed yet. The one place
// where publishing threads and the link's thread meet; also keeps the link's counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "transport/link.h"
#include "transport/tcp_usage.h"

namespace godwit {

struct OutboundMessage {
  std::string topic;
  std::string payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
};

// Every method: any thread, never blocks for long.
class MqttOutbox {
 public:
  explicit MqttOutbox(std::size_t max_in_flight) : max_in_flight_(max_in_flight) {}

  // Errors as Link::publish. `was_empty` tells that the link's thread may be asleep.
  Status push(OutboundMessage&& message, bool& was_empty);

  // A connection is up; the broker takes messages of up to `max_bytes`.
  void open(std::size_t max_bytes);
  // It is gone: everything queued or unconfirmed is forgotten.
  void close();
  // Nothing more is taken in, for good; what is queued may still leave.
  void seal();

  // The next message to hand to the library; it stays in flight until confirm().
  std::optional<OutboundMessage> pop();
  void confirm();
  [[nodiscard]] bool idle() const;  // nothing queued, nothing unconfirmed

  void count_failure();
  void count_received(std::size_t payload_bytes);
  void count_refused();
  // What the present connection has cost so far.
  void count_wire(const TcpUsage& usage);
  [[nodiscard]] LinkStats stats() const;

 private:
  const std::size_t max_in_flight_;
  mutable std::mutex mutex_;
  // State below is protected by mutex_.
  std::deque<OutboundMessage> queue_;
  std::size_t unconfirmed_ = 0;  // handed out by pop(), not confirmed
  std::size_t max_bytes_ = 0;
  bool sealed_ = false;
  TcpUsage counted_;  // of the present connection
  LinkStats stats_;
};

}  // namespace godwit
