#include "transport/eventbus_link.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "transport/clock.h"
#include "transport/envelope.h"
#include "transport/envelope_queue.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t busy_pause_ms = 100;
constexpr std::int64_t last_word_ms = 200;
constexpr std::int64_t complaint_interval_ms = 60'000;
// An answer that took longer tells nothing useful about the time.
constexpr std::int64_t fresh_answer_ms = 5000;
constexpr std::size_t remembered_sends = 64;
// EdgeHub's JSON around an envelope, TLS, TCP/IP and its confirmation, as estimated.
constexpr std::uint64_t carrier_bytes = 500;
constexpr std::string_view status_topic = "status";
constexpr std::string_view latest_prefix = "latest/";

struct Traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  void add(std::string_view envelope) { ++messages, bytes += envelope.size(); }
  [[nodiscard]] std::uint64_t wire_bytes() const { return bytes + messages * carrier_bytes; }
};

class EventbusLink final : public Link {
 public:
  EventbusLink(std::unique_ptr<Link> broker, EventbusOptions options)
      : broker_(std::move(broker)),
        options_(std::move(options)),
        prefix_(concat(topics::root, options_.node, "/")),
        status_wait_ms_(options_.first_status_ms) {}
  ~EventbusLink() override { EventbusLink::stop(0); }

  Status start(Handler handler) override;
  Status publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) override;
  Status subscribe(std::string_view filter, Qos qos) override;
  void stop(std::int64_t drain_ms) override;
  [[nodiscard]] LinkStats stats() const override;

 private:
  void run();
  void on_event(LinkEvent&& event);
  void on_envelope(std::string_view text);
  // All below: mutex_ is held.
  void repeat_status(std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_step_ms() const;
  // Lets go of the lock while it publishes.
  void send_next(std::unique_lock<std::mutex>& lock);
  void complain(const char* what, const Error& error);

  std::unique_ptr<Link> broker_;
  const EventbusOptions options_;
  const std::string prefix_;
  Handler handler_;  // set before the threads start

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable drained_;
  // State below is protected by mutex_. Times are steady_ms().
  EnvelopeQueue queue_;
  std::optional<std::string> status_;  // as published last
  std::int64_t next_status_ms_ = 0;
  std::int64_t status_wait_ms_;
  std::int64_t next_send_ms_ = 0;
  std::int64_t next_complaint_ms_ = 0;
  Traffic up_, down_;                 // of the node's link to the cloud
  std::uint64_t sent_ = 0;            // envelopes
  std::deque<std::int64_t> sent_ms_;  // of the last ones
  bool connected_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

Status EventbusLink::start(Handler handler) {
  handler_ = std::move(handler);
  if (Status s = broker_->subscribe(options_.down_topic, Qos::at_least_once); !s) return s;
  thread_ = std::thread([this] { run(); });
  return broker_->start([this](LinkEvent&& event) { on_event(std::move(event)); });
}

Status EventbusLink::subscribe(std::string_view filter, Qos qos) {
  // Both come in envelopes.
  if (filter == topics::relay || filter == topics::down(options_.node)) return {};
  return broker_->subscribe(filter, qos);
}

Status EventbusLink::publish(std::string_view topic, std::string_view payload, Qos qos,
                             bool retain) {
  if (!topic.starts_with(prefix_)) {
    return Error{ErrorCode::invalid, concat(topic, " is not of this node")};
  }
  const std::string_view rest = topic.substr(prefix_.size());
  if (rest.starts_with(latest_prefix)) return broker_->publish(topic, payload, qos, retain);
  EnvelopePart part{std::string(rest), std::string(payload)};
  if (EnvelopeQueue::content_bytes(part) > max_envelope_content) {
    return Error{ErrorCode::invalid, concat("a message of ", payload.size(),
                                            " bytes is too large for KubeEdge's EventBus")};
  }
  {
    const std::lock_guard lock(mutex_);
    if (!connected_) return Error{ErrorCode::unavailable, "not connected"};
    if (queue_.bytes() + EnvelopeQueue::content_bytes(part) > options_.max_queued_bytes) {
      return Error{ErrorCode::full, "too much waits for KubeEdge's EventBus"};
    }
    if (part.topic == status_topic) {
      status_ = part.payload;
      next_status_ms_ = steady_ms() + status_wait_ms_;
    }
    queue_.add(std::move(part));
  }
  changed_.notify_one();
  return {};
}

void EventbusLink::on_event(LinkEvent&& event) {
  if (event.type == LinkEvent::Type::message && event.message.topic == options_.down_topic) {
    return on_envelope(event.message.payload);
  }
  if (event.type != LinkEvent::Type::message) {
    const std::lock_guard lock(mutex_);
    connected_ = event.type == LinkEvent::Type::connected;
    queue_.clear();
    status_.reset();
    status_wait_ms_ = options_.first_status_ms;
  }
  handler_(std::move(event));
}

void EventbusLink::on_envelope(std::string_view text) {
  const auto envelope = open_envelope(text, Envelope::Direction::down,
                                      [this](std::string_view) { return options_.key(); });
  bool is_fresh = false;
  {
    const std::lock_guard lock(mutex_);
    down_.add(text);
    if (!envelope)
      return complain("a message on the down topic is not from our relay", envelope.error());
    // To an earlier life of this agent, or to another node.
    if (envelope->node != options_.node || envelope->session != options_.session) return;
    if (envelope->seq == 0 || envelope->seq > sent_) return;
    status_wait_ms_ = options_.status_interval_ms;
    next_status_ms_ = std::max(next_status_ms_, steady_ms() + status_wait_ms_);
    const std::uint64_t back = sent_ - envelope->seq;
    is_fresh = back < sent_ms_.size() &&
               steady_ms() - sent_ms_[sent_ms_.size() - 1 - back] <= fresh_answer_ms;
  }
  for (const auto& part : envelope->parts) {
    LinkEvent event;
    if (part.topic == "relay") {
      // Carries the time.
      if (!is_fresh) continue;
      event.message.topic = topics::relay;
    } else if (part.topic == "down") {
      event.message.topic = topics::down(options_.node);
    } else {
      continue;
    }
    event.message.payload = part.payload;
    handler_(std::move(event));
  }
}

// What crosses the link to the cloud; the rest of the broker's traffic stays on the node.
LinkStats EventbusLink::stats() const {
  LinkStats stats = broker_->stats();
  const std::lock_guard lock(mutex_);
  stats.sent_messages = up_.messages;
  stats.sent_payload_bytes = up_.bytes;
  stats.sent_wire_bytes = up_.wire_bytes();
  stats.received_messages = down_.messages;
  stats.received_payload_bytes = down_.bytes;
  stats.received_wire_bytes = down_.wire_bytes();
  return stats;
}

void EventbusLink::complain(const char* what, const Error& error) {
  if (steady_ms() < next_complaint_ms_) return;
  next_complaint_ms_ = steady_ms() + complaint_interval_ms;
  log::warning("eventbus", what, {{"reason", error.message}});
}

void EventbusLink::repeat_status(std::int64_t now_ms) {
  if (!status_ || now_ms < next_status_ms_) return;
  queue_.add({std::string(status_topic), *status_});
  next_status_ms_ = now_ms + status_wait_ms_;
  status_wait_ms_ = std::min(status_wait_ms_ * 2, options_.status_interval_ms);
}

std::int64_t EventbusLink::next_step_ms() const {
  std::int64_t next = INT64_MAX;
  if (!connected_) return next;
  if (!queue_.empty()) next = next_send_ms_;
  if (status_) next = std::min(next, std::max(next_status_ms_, next_send_ms_));
  return next;
}

void EventbusLink::send_next(std::unique_lock<std::mutex>& lock) {
  Envelope envelope;
  envelope.node = options_.node;
  envelope.boot_id = options_.boot_id;
  envelope.session = options_.session;
  // Counted first: the answer may come while publish() runs.
  envelope.seq = ++sent_;
  envelope.parts = queue_.take();
  sent_ms_.push_back(steady_ms());
  if (sent_ms_.size() > remembered_sends) sent_ms_.pop_front();
  next_send_ms_ = steady_ms() + options_.interval_ms;

  lock.unlock();
  const auto key = options_.key();
  const std::string text = key ? seal_envelope(envelope, *key) : "";
  const Status sent =
      key ? broker_->publish(options_.up_topic, text, Qos::at_least_once, false) : key.error();
  lock.lock();
  if (sent) return up_.add(text);
  if (sent.error().code != ErrorCode::full) return complain("nothing can be sent", sent.error());
  next_send_ms_ = steady_ms() + busy_pause_ms;
  if (!connected_) return;
  queue_.put_back(std::move(envelope.parts));
}

void EventbusLink::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::int64_t now_ms = steady_ms();
    if (connected_) repeat_status(now_ms);
    if (connected_ && !queue_.empty() && now_ms >= next_send_ms_) {
      send_next(lock);
      drained_.notify_all();
      continue;
    }
    const std::int64_t wait_ms = std::clamp<std::int64_t>(next_step_ms() - now_ms, 1, 60'000);
    changed_.wait_for(lock, std::chrono::milliseconds(wait_ms));
  }
}

void EventbusLink::stop(std::int64_t drain_ms) {
  {
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    // At the usual pace: a last word is due within an interval.
    const std::int64_t wait_ms = drain_ms > 0 ? drain_ms + last_word_ms : 0;
    drained_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                      [this] { return !connected_ || queue_.empty(); });
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  broker_->stop(drain_ms);
}

}  // namespace

std::unique_ptr<Link> make_eventbus_link(std::unique_ptr<Link> broker, EventbusOptions options) {
  return std::make_unique<EventbusLink>(std::move(broker), std::move(options));
}

}  // namespace godwit
