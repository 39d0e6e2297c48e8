#include "test/fakes/loopback_link.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit::test {

// What the broker keeps of one link. State is protected by the broker's mutex unless noted.
struct LoopbackBroker::Session {
  LoopbackOptions options;
  std::vector<std::string> filters;
  bool started = false;
  bool stopped = false;
  std::size_t in_flight = 0;
  LinkStats stats;

  std::mutex handler_mutex;  // held during a handler call
  Link::Handler handler;     // protected by handler_mutex; empty after stop()
};

class LoopbackLink final : public Link {
 public:
  LoopbackLink(LoopbackBroker& broker, LoopbackOptions options)
      : broker_(broker), session_(std::make_shared<LoopbackBroker::Session>()) {
    session_->options = std::move(options);
  }
  ~LoopbackLink() override { stop(0); }

  Status start(Handler handler) override {
    session_->handler = std::move(handler);
    broker_.start(session_);
    return {};
  }
  Status publish(std::string_view topic, std::string_view payload, Qos /*qos*/,
                 bool retain) override {
    if (topic.empty() || topic.find_first_of("+#") != std::string_view::npos) {
      return Error{ErrorCode::invalid, concat(quote_for_message(topic), " is no MQTT topic")};
    }
    return broker_.publish(session_, {std::string(topic), std::string(payload), retain});
  }
  Status subscribe(std::string_view filter, Qos /*qos*/) override {
    const std::size_t hash = filter.find('#');
    if (filter.empty() || (hash != std::string_view::npos && hash + 1 != filter.size())) {
      return Error{ErrorCode::invalid, concat(quote_for_message(filter), " is no MQTT filter")};
    }
    broker_.subscribe(session_, std::string(filter));
    return {};
  }
  void stop(std::int64_t /*drain_ms*/) override { broker_.stop(session_); }
  [[nodiscard]] LinkStats stats() const override {
    const std::lock_guard lock(broker_.mutex_);
    LinkStats stats = session_->stats;
    stats.unconfirmed_messages = session_->in_flight;
    return stats;
  }

 private:
  LoopbackBroker& broker_;
  std::shared_ptr<LoopbackBroker::Session> session_;
};

bool filter_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const auto filter_levels = split(filter, '/');
  const auto topic_levels = split(topic, '/');
  for (std::size_t i = 0; i < filter_levels.size(); ++i) {
    if (filter_levels[i] == "#") return true;  // also the parent level itself
    if (i >= topic_levels.size()) return false;
    if (filter_levels[i] != "+" && filter_levels[i] != topic_levels[i]) return false;
  }
  return filter_levels.size() == topic_levels.size();
}

std::unique_ptr<Link> LoopbackBroker::make_link(LoopbackOptions options) {
  return std::make_unique<LoopbackLink>(*this, std::move(options));
}

void LoopbackBroker::set_faults(LoopbackFaults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

void LoopbackBroker::hold(bool on) {
  const std::lock_guard lock(mutex_);
  held_ = on;
}

void LoopbackBroker::pump() {
  std::size_t pending = 0;
  {
    const std::lock_guard lock(mutex_);
    pending = pending_.size();
  }
  run(true, pending);
}

void LoopbackBroker::down() {
  {
    const std::lock_guard lock(mutex_);
    up_ = false;
    pending_.clear();
    inbox_.clear();
    retained_.clear();
    for (const SessionPtr& session : sessions_) disconnect(session, "the broker is down", false);
  }
  run(true);
}

void LoopbackBroker::up() {
  {
    const std::lock_guard lock(mutex_);
    up_ = true;
    for (const SessionPtr& session : sessions_) connect(session);
  }
  run(false);
}

void LoopbackBroker::freeze() {
  const std::lock_guard lock(mutex_);
  frozen_ = true;
}

void LoopbackBroker::thaw() {
  {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
    for (const auto& [from, message] : inbox_) {
      if (from->in_flight > 0) --from->in_flight;
      route(message);
    }
    inbox_.clear();
  }
  run(false);
}

void LoopbackBroker::cut(const std::string& client_id) {
  {
    const std::lock_guard lock(mutex_);
    for (const SessionPtr& session : std::vector(sessions_)) {
      if (session->options.client_id != client_id) continue;
      disconnect(session, "the connection was closed by the other side", true);
      connect(session);
    }
  }
  run(false);
}

std::uint64_t LoopbackBroker::deliveries() const {
  const std::lock_guard lock(mutex_);
  return deliveries_;
}

std::uint64_t LoopbackBroker::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

Status LoopbackBroker::publish(const SessionPtr& from, Message&& message) {
  {
    const std::lock_guard lock(mutex_);
    if (from->stopped || !from->stats.connected) {
      return Error{ErrorCode::unavailable, "not connected to the MQTT broker"};
    }
    if (from->in_flight >= from->options.max_in_flight) {
      return Error{ErrorCode::full, concat(from->in_flight, " messages wait for the MQTT broker")};
    }
    ++from->stats.sent_messages;
    from->stats.sent_payload_bytes += message.payload.size();
    // As if each message and its confirmation were a packet.
    from->stats.sent_wire_bytes += message.topic.size() + message.payload.size() + 60;
    from->stats.received_wire_bytes += 60;
    if (frozen_) {
      ++from->in_flight;
      inbox_.emplace_back(from, std::move(message));
    } else {
      route(message);
    }
  }
  run(false);
  return {};
}

void LoopbackBroker::subscribe(const SessionPtr& session, std::string filter) {
  {
    const std::lock_guard lock(mutex_);
    session->filters.push_back(std::move(filter));
    if (session->stats.connected) send_retained(session, session->filters.back());
  }
  run(false);
}

void LoopbackBroker::start(const SessionPtr& session) {
  {
    const std::lock_guard lock(mutex_);
    session->started = true;
    sessions_.push_back(session);
    connect(session);
  }
  run(false);
}

void LoopbackBroker::stop(const SessionPtr& session) {
  {
    const std::lock_guard lock(mutex_);
    session->stopped = true;
    session->stats.connected = false;
    std::erase(sessions_, session);
  }
  const std::lock_guard lock(session->handler_mutex);
  session->handler = nullptr;
}

void LoopbackBroker::connect(const SessionPtr& session) {
  if (!up_ || session->stats.connected) return;
  session->stats.connected = true;
  ++session->stats.connects;
  pending_.push_back({session, {LinkEvent::Type::connected, {}, ""}});
  for (const std::string& filter : session->filters) send_retained(session, filter);
}

void LoopbackBroker::disconnect(const SessionPtr& session, const std::string& reason,
                                bool send_will) {
  if (!session->stats.connected) return;
  session->stats.connected = false;
  session->in_flight = 0;
  std::erase_if(inbox_, [&](const auto& entry) { return entry.first == session; });
  std::erase_if(pending_, [&](const auto& entry) { return entry.to == session; });
  pending_.push_back({session, {LinkEvent::Type::disconnected, {}, reason}});
  if (send_will && session->options.will) route(*session->options.will);
}

void LoopbackBroker::route(const Message& message) {
  if (message.retained) {
    if (message.payload.empty()) {
      retained_.erase(message.topic);
    } else {
      retained_[message.topic] = message.payload;
    }
  }
  const Message live{message.topic, message.payload, false};
  std::map<std::string, std::vector<SessionPtr>> groups;
  for (const SessionPtr& session : sessions_) {
    if (!session->stats.connected) continue;
    bool plain = false;
    for (const std::string& filter : session->filters) {
      if (!filter.starts_with("$share/")) {
        plain = plain || filter_matches(filter, live.topic);
      } else if (filter_matches(filter.substr(filter.find('/', 7) + 1), live.topic)) {
        groups[filter].push_back(session);
      }
    }
    if (plain) deliver_message(session, live);
  }
  for (const auto& [name, members] : groups) {
    deliver_message(members[share_turn_[name]++ % members.size()], live);
  }
}

void LoopbackBroker::deliver_message(const SessionPtr& to, const Message& message) {
  if (message.payload.size() > to->options.max_message_bytes) {
    ++to->stats.refused_messages;
    return;
  }
  if (chance(faults_.drop)) {
    ++dropped_;
    return;
  }
  const int copies = chance(faults_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    pending_.push_back({to, {LinkEvent::Type::message, message, ""}});
  }
}

void LoopbackBroker::send_retained(const SessionPtr& session, const std::string& filter) {
  for (const auto& [topic, payload] : retained_) {
    if (filter_matches(filter, topic)) deliver_message(session, {topic, payload, true});
  }
}

bool LoopbackBroker::chance(double share) {
  return share > 0 && std::uniform_real_distribution<double>(0.0, 1.0)(random_) < share;
}

std::optional<LoopbackBroker::Delivery> LoopbackBroker::next_delivery(bool flush) {
  const auto is_message = [](const Delivery& delivery) {
    return delivery.event.type == LinkEvent::Type::message;
  };
  if (pending_.empty()) return std::nullopt;
  if (held_ && !flush && is_message(pending_.front())) return std::nullopt;
  auto chosen = pending_.begin();
  if (is_message(*chosen) && chance(faults_.reorder)) {
    if (pending_.size() > 1 && is_message(pending_[1])) {
      ++chosen;
    } else if (pending_.size() == 1 && !flush) {
      return std::nullopt;  // waits to be overtaken
    }
  }
  Delivery delivery = std::move(*chosen);
  pending_.erase(chosen);
  if (is_message(delivery)) {
    ++deliveries_;
    ++delivery.to->stats.received_messages;
    delivery.to->stats.received_payload_bytes += delivery.event.message.payload.size();
  }
  return delivery;
}

void LoopbackBroker::run(bool flush, std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    // Another thread delivers already, and takes ours along.
    if (running_) return;
    running_ = true;
  }
  for (std::size_t done = 0;; ++done) {
    std::optional<Delivery> delivery;
    {
      const std::lock_guard lock(mutex_);
      delivery = next_delivery(flush && done < most);
      if (!delivery) {
        running_ = false;
        return;
      }
    }
    const std::lock_guard lock(delivery->to->handler_mutex);
    if (delivery->to->handler) delivery->to->handler(std::move(delivery->event));
  }
}

}  // namespace godwit::test
