#include "transport/mqtt_outbox.h"

#include <utility>

#include "transport/text.h"

namespace godwit {

Status MqttOutbox::push(OutboundMessage&& message, bool& was_empty) {
  const std::lock_guard lock(mutex_);
  if (sealed_) return Error{ErrorCode::unavailable, "the link is stopped"};
  if (!stats_.connected) return Error{ErrorCode::unavailable, "not connected to the MQTT broker"};
  const std::size_t bytes = message.topic.size() + message.payload.size();
  if (bytes > max_bytes_) {
    return Error{ErrorCode::rejected, concat("message of ", bytes, " bytes for ", message.topic,
                                             " is over the broker's limit of ", max_bytes_)};
  }
  if (queue_.size() + unconfirmed_ >= max_in_flight_) {
    return Error{ErrorCode::full, concat(max_in_flight_, " messages wait for the MQTT broker")};
  }
  was_empty = queue_.empty();
  queue_.push_back(std::move(message));
  return {};
}

void MqttOutbox::open(std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  max_bytes_ = max_bytes;
  stats_.connected = true;
  ++stats_.connects;
}

void MqttOutbox::close() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
  unconfirmed_ = 0;
  counted_ = {};
  stats_.connected = false;
}

void MqttOutbox::seal() {
  const std::lock_guard lock(mutex_);
  sealed_ = true;
}

std::optional<OutboundMessage> MqttOutbox::pop() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  OutboundMessage message = std::move(queue_.front());
  queue_.pop_front();
  ++unconfirmed_;
  ++stats_.sent_messages;
  stats_.sent_payload_bytes += message.payload.size();
  return message;
}

void MqttOutbox::confirm() {
  const std::lock_guard lock(mutex_);
  if (unconfirmed_ > 0) --unconfirmed_;
}

bool MqttOutbox::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && unconfirmed_ == 0;
}

void MqttOutbox::count_failure() {
  const std::lock_guard lock(mutex_);
  ++stats_.connect_failures;
}

void MqttOutbox::count_received(std::size_t payload_bytes) {
  const std::lock_guard lock(mutex_);
  ++stats_.received_messages;
  stats_.received_payload_bytes += payload_bytes;
}

void MqttOutbox::count_refused() {
  const std::lock_guard lock(mutex_);
  ++stats_.refused_messages;
}

void MqttOutbox::count_wire(const TcpUsage& usage) {
  const std::lock_guard lock(mutex_);
  // A socket that is gone tells nothing.
  if (usage.sent_bytes < counted_.sent_bytes) return;
  stats_.sent_wire_bytes += usage.sent_bytes - counted_.sent_bytes;
  stats_.received_wire_bytes += usage.received_bytes - counted_.received_bytes;
  stats_.rtt_us = usage.rtt_us;
  counted_ = usage;
}

LinkStats MqttOutbox::stats() const {
  const std::lock_guard lock(mutex_);
  LinkStats stats = stats_;
  stats.unconfirmed_messages = queue_.size() + unconfirmed_;
  return stats;
}

}  // namespace godwit
