#include "transport/mqtt_link.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <mutex>
#include <thread>

#include <poll.h>

#include "transport/clock.h"
#include "transport/event_fd.h"
#include "transport/mqtt_outbox.h"
#include "transport/mqtt_session.h"
#include "transport/resolve.h"
#include "transport/tcp_usage.h"
#include "transport/text.h"

namespace godwit {
namespace {

// How long the DISCONNECT packet may take to leave.
constexpr std::int64_t farewell_ms = 300;
// Of the second that stop() may take beyond its drain time.
constexpr std::int64_t join_margin_ms = 900;
constexpr std::int64_t never = INT64_MAX;

int poll_ms(std::int64_t until_ms, std::int64_t at_most_ms) {
  return static_cast<int>(std::clamp<std::int64_t>(until_ms - steady_ms(), 0, at_most_ms));
}

// All that the link's thread needs. It is shared with that thread because of one case: a name
// server that does not answer holds getaddrinfo for longer than stop() may take. stop() then leaves
// the thread behind, silenced; it ends by itself when the resolver returns.
class Core {
 public:
  explicit Core(MqttOptions options)
      : options_(std::move(options)), outbox_(options_.max_in_flight), pace_(options_.reconnect) {}

  // The link's thread.
  void run(const Link::Handler& handler);

  // Any thread.
  Status publish(OutboundMessage&& message);
  void subscribe(Subscription&& subscription);
  void expect_fleet(std::uint64_t nodes) { pace_.expect_fleet(nodes); }
  void ask_to_stop(std::int64_t drain_ms);
  // True when run() is at its end.
  [[nodiscard]] bool wait_for_end(std::int64_t limit_ms) const;
  // No handler call starts after it returns.
  void silence();
  [[nodiscard]] LinkStats stats() const { return outbox_.stats(); }
  [[nodiscard]] const MqttOptions& options() const { return options_; }

 private:
  std::string connect_and_serve();
  std::string serve(MqttSession& session);
  void say_goodbye(MqttSession& session) const;
  [[nodiscard]] short wait(MqttSession& session, std::int64_t until_ms) const;
  Status send_queued(MqttSession& session);
  std::vector<Subscription> handle_connected(std::size_t max_bytes);
  void deliver(LinkEvent&& event);
  [[nodiscard]] std::vector<Subscription> new_subscriptions();
  [[nodiscard]] bool stopping() const { return stop_at_ms_ != never; }

  const MqttOptions options_;
  MqttOutbox outbox_;
  ReconnectPace pace_;
  EventFd wake_;
  EventFd ended_;
  std::atomic<std::int64_t> stop_at_ms_ = never;  // what is queued may leave until then

  std::mutex subscriptions_mutex_;
  std::vector<Subscription> subscriptions_;  // protected by subscriptions_mutex_; only grows

  std::mutex handler_mutex_;  // held during a handler call
  bool silenced_ = false;     // protected by handler_mutex_

  // State below belongs to the link's thread.
  const Link::Handler* handler_ = nullptr;
  bool turned_away_ = false;              // by the broker at the last attempt
  std::size_t attempt_ = 0;               // picks one of the host's addresses
  std::int64_t connected_at_ms_ = never;  // of the present session
  std::size_t subscribed_ = 0;            // how many of subscriptions_ the present session has
};

void Core::run(const Link::Handler& handler) {
  handler_ = &handler;
  while (!stopping()) {
    connected_at_ms_ = never;
    turned_away_ = false;
    std::string reason = connect_and_serve();
    outbox_.close();
    if (stopping()) break;
    if (connected_at_ms_ == never) {
      outbox_.count_failure();
      ++attempt_;
    }
    deliver({LinkEvent::Type::disconnected, {}, std::move(reason)});
    const bool was_connected = connected_at_ms_ != never;
    const std::int64_t now_ms = steady_ms();
    const std::int64_t lived_ms = was_connected ? now_ms - connected_at_ms_ : 0;
    const std::int64_t until_ms = now_ms + pace_.next_ms({turned_away_, was_connected, lived_ms});
    while (!stopping() && steady_ms() < until_ms) {
      pollfd wake{wake_.fd(), POLLIN, 0};
      poll(&wake, 1, poll_ms(until_ms, INT32_MAX));
      wake_.clear();
    }
  }
  ended_.raise();
}

std::string Core::connect_and_serve() {
  const auto addresses = resolve(options_.host);
  if (!addresses) return addresses.error().message;
  if (stopping()) return "";
  MqttSessionEvents events;
  events.connected = [this](std::size_t max_bytes) { return handle_connected(max_bytes); };
  events.message = [this](Message&& message) {
    outbox_.count_received(message.payload.size());
    deliver({LinkEvent::Type::message, std::move(message), ""});
  };
  events.refused = [this] { outbox_.count_refused(); };
  events.confirmed = [this] { outbox_.confirm(); };
  const Address& address = (*addresses)[attempt_ % addresses->size()];
  auto session = MqttSession::open(options_, address, std::move(events));
  if (!session) return session.error().message;
  std::string reason = serve(**session);
  turned_away_ = (*session)->turned_away();
  return reason;
}

// Why the session ended; nothing to say when it was stop().
std::string Core::serve(MqttSession& session) {
  const std::int64_t deadline_ms = steady_ms() + options_.connect_timeout_ms;
  for (;;) {
    if (stopping() && (!session.connected() || outbox_.idle() || steady_ms() >= stop_at_ms_)) {
      if (session.connected()) say_goodbye(session);
      return "";
    }
    const std::int64_t until_ms = session.connected() ? stop_at_ms_.load() : deadline_ms;
    const short revents = wait(session, until_ms);
    outbox_.count_wire(tcp_usage(session.fd()));  // before the step, which may close the socket
    if (Status status = session.step(revents); !status) {
      return status.error().message;
    }
    if (session.connected()) {
      if (Status status = send_queued(session); !status) return status.error().message;
    } else if (steady_ms() >= deadline_ms) {
      return session.describe_timeout();
    }
  }
}

void Core::say_goodbye(MqttSession& session) const {
  session.disconnect();
  const std::int64_t until_ms = steady_ms() + farewell_ms;
  while (session.fd() >= 0 && steady_ms() < until_ms) {
    if (!session.step(wait(session, until_ms))) return;
  }
}

// Sleeps until the socket is ready, wake_ is raised or the time has come; what poll() said of the
// socket.
short Core::wait(MqttSession& session, std::int64_t until_ms) const {
  std::array<pollfd, 2> fds{{{session.fd(), session.poll_events(), 0}, {wake_.fd(), POLLIN, 0}}};
  if (poll(fds.data(), fds.size(), poll_ms(until_ms, session.poll_timeout_ms())) <= 0) return 0;
  if (fds[1].revents != 0) wake_.clear();
  return fds[0].revents;
}

Status Core::send_queued(MqttSession& session) {
  for (const Subscription& subscription : new_subscriptions()) {
    if (Status status = session.subscribe(subscription); !status) return status;
  }
  while (const auto message = outbox_.pop()) {
    if (Status status = session.publish(*message); !status) return status;
  }
  return {};
}

std::vector<Subscription> Core::handle_connected(std::size_t max_bytes) {
  connected_at_ms_ = steady_ms();
  outbox_.open(max_bytes);
  deliver({LinkEvent::Type::connected, {}, ""});
  subscribed_ = 0;
  return new_subscriptions();
}

std::vector<Subscription> Core::new_subscriptions() {
  const std::lock_guard lock(subscriptions_mutex_);
  std::vector<Subscription> added(subscriptions_.begin() + static_cast<std::ptrdiff_t>(subscribed_),
                                  subscriptions_.end());
  subscribed_ = subscriptions_.size();
  return added;
}

void Core::deliver(LinkEvent&& event) {
  const std::lock_guard lock(handler_mutex_);
  if (!silenced_) (*handler_)(std::move(event));
}

void Core::silence() {
  const std::lock_guard lock(handler_mutex_);
  silenced_ = true;
}

Status Core::publish(OutboundMessage&& message) {
  bool was_empty = false;
  Status status = outbox_.push(std::move(message), was_empty);
  if (was_empty) wake_.raise();
  return status;
}

void Core::subscribe(Subscription&& subscription) {
  {
    const std::lock_guard lock(subscriptions_mutex_);
    const auto end = subscriptions_.end();
    if (std::find(subscriptions_.begin(), end, subscription) != end) return;
    subscriptions_.push_back(std::move(subscription));
  }
  wake_.raise();
}

void Core::ask_to_stop(std::int64_t drain_ms) {
  outbox_.seal();
  stop_at_ms_ = steady_ms() + std::max<std::int64_t>(drain_ms, 0);
  wake_.raise();
}

bool Core::wait_for_end(std::int64_t limit_ms) const {
  const std::int64_t until_ms = steady_ms() + limit_ms;
  pollfd ended{ended_.fd(), POLLIN, 0};
  while (poll(&ended, 1, poll_ms(until_ms, INT32_MAX)) < 0 && errno == EINTR) {
  }
  return ended.revents != 0;
}

class MqttLink final : public Link {
 public:
  explicit MqttLink(MqttOptions options) : core_(std::make_shared<Core>(std::move(options))) {}
  ~MqttLink() override { stop(0); }

  Status start(Handler handler) override {
    assert(!thread_.joinable());
    if (Status status = check_mqtt_options(core_->options()); !status) return status;
    if (const auto& will = core_->options().will) {
      if (Status status = MqttSession::check_topic(will->topic); !status) return status;
    }
    thread_ = std::thread([core = core_, kept = std::move(handler)] { core->run(kept); });
    return {};
  }

  Status publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) override {
    if (Status status = MqttSession::check_topic(topic); !status) return status;
    return core_->publish({std::string(topic), std::string(payload), qos, retain});
  }

  Status subscribe(std::string_view filter, Qos qos) override {
    if (Status status = MqttSession::check_filter(filter); !status) return status;
    core_->subscribe({std::string(filter), qos});
    return {};
  }

  void expect_fleet(std::uint64_t nodes) override { core_->expect_fleet(nodes); }

  void stop(std::int64_t drain_ms) override {
    core_->ask_to_stop(drain_ms);
    if (!thread_.joinable()) return;
    if (core_->wait_for_end(drain_ms + join_margin_ms)) {
      thread_.join();
    } else {
      core_->silence();
      thread_.detach();
    }
  }

  [[nodiscard]] LinkStats stats() const override { return core_->stats(); }

 private:
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Link> make_mqtt_link(MqttOptions options) {
  return std::make_unique<MqttLink>(std::move(options));
}

}  // namespace godwit
