#include "cloud/frame_feed.h"

#include <utility>

#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::size_t max_waiting = 256;
constexpr std::size_t max_asked = 10'000;

}  // namespace

// QoS 0: brokers queue only so many messages of higher QoS (mosquitto: 1,000), and drop retained
// ones beyond that at once.
Status FrameFeed::subscribe(Link& link, std::string_view node) {
  const std::string prefix = concat(topics::root, node.empty() ? "+" : node);
  if (Status status = link.subscribe(prefix + "/schema/+", Qos::at_most_once); !status) {
    return status;
  }
  return link.subscribe(prefix + "/up", Qos::at_most_once);
}

void FrameFeed::ask_again(Link& link) {
  for (const auto& [node, payload] : waiting_) {
    if (asked_.size() >= max_asked || !asked_.insert(node).second) continue;
    // If it fails the node's frames go on waiting.
    (void)link.subscribe(concat(topics::root, node, "/schema/+"), Qos::at_most_once);
  }
}

void FrameFeed::on_message(const Message& message) {
  const auto topic = parse_topic(message.topic);
  if (!topic) return;
  if (topic->kind == TopicKind::schema) on_schema(topic->node, topic->rest, message.payload);
  if (topic->kind != TopicKind::up || visit(topic->node, message.payload)) return;
  waiting_.push_back({std::string(topic->node), message.payload});
  if (waiting_.size() > max_waiting) {
    waiting_.pop_front();
    ++unreadable_;
  }
}

void FrameFeed::on_schema(std::string_view node, std::string_view name, std::string_view message) {
  if (message.empty()) return;  // no agent refers to it any more; frames under way may
  const auto id = parse_schema_id(name);
  if (!id || !schemas_.add(node, *id, message)) {
    ++unreadable_;
    return;
  }
  for (auto& one : std::exchange(waiting_, {})) {
    if (!visit(one.node, one.payload)) waiting_.push_back(std::move(one));
  }
}

bool FrameFeed::visit(std::string_view node, std::string_view payload) {
  if (!decode_frame(payload, frame_)) {
    ++unreadable_;
    return true;
  }
  if (frame_.columns.empty()) return true;  // a question for the time
  const auto found = schemas_.find(node, frame_.schema);
  if (found.ok() && found->schema == nullptr) return false;
  if (!found || found->schema->series.size() < frame_.columns.size()) {
    ++unreadable_;
    return true;
  }
  visitor_(node, *found->schema, frame_);
  return true;
}

}  // namespace godwit
