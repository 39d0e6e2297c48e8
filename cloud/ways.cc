#include "cloud/ways.h"

#include <utility>

#include "transport/topics.h"

namespace godwit {

Status Ways::start(Handler handler) {
  gateway_.start(handler);
  if (!broker_) {
    handler(LinkEvent{LinkEvent::Type::connected, {}, {}});
    return {};
  }
  return broker_->start([this, handler = std::move(handler)](LinkEvent&& event) {
    if (event.type == LinkEvent::Type::message && !event.message.retained) {
      const auto topic = parse_topic(event.message.topic);
      if (topic && topic->kind == TopicKind::up) gateway_.forget(topic->node);
    }
    handler(std::move(event));
  });
}

Status Ways::publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) {
  if (topic == topics::relay) gateway_.tell_state(payload);
  const auto to = parse_topic(topic);
  if (to && to->kind == TopicKind::down && gateway_.answer(to->node, payload)) return {};
  if (!broker_) return {};
  return broker_->publish(topic, payload, qos, retain);
}

Status Ways::subscribe(std::string_view filter, Qos qos) {
  return broker_ ? broker_->subscribe(filter, qos) : Status();
}

void Ways::stop(std::int64_t drain_ms) {
  gateway_.stop(drain_ms);
  if (broker_) broker_->stop(drain_ms);
}

LinkStats Ways::stats() const {
  if (broker_) return broker_->stats();
  LinkStats stats;
  stats.connected = true;
  return stats;
}

}  // namespace godwit
