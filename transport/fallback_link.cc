#include "transport/fallback_link.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "transport/clock.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t idle_ms = 60'000;

LinkStats operator+(LinkStats a, const LinkStats& b) {
  a.connects += b.connects;
  a.connect_failures += b.connect_failures;
  a.sent_messages += b.sent_messages;
  a.sent_payload_bytes += b.sent_payload_bytes;
  a.received_messages += b.received_messages;
  a.received_payload_bytes += b.received_payload_bytes;
  a.refused_messages += b.refused_messages;
  a.unconfirmed_messages += b.unconfirmed_messages;
  a.sent_wire_bytes += b.sent_wire_bytes;
  a.received_wire_bytes += b.received_wire_bytes;
  return a;
}

class FallbackLink final : public Link {
 public:
  FallbackLink(std::unique_ptr<Link> first, std::function<std::unique_ptr<Link>()> make_second,
               FallbackOptions options)
      : options_(std::move(options)),
        make_second_(std::move(make_second)),
        first_(std::move(first)) {}
  ~FallbackLink() override { FallbackLink::stop(0); }

  Status start(Handler handler) override;
  Status publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) override;
  Status subscribe(std::string_view filter, Qos qos) override;
  void expect_fleet(std::uint64_t nodes) override { first_->expect_fleet(nodes); }
  void stop(std::int64_t drain_ms) override;
  [[nodiscard]] LinkStats stats() const override;

 private:
  enum class Way : std::uint8_t { none, first, second };

  void on_first(LinkEvent&& event);
  void on_second(LinkEvent&& event);
  void run();
  void start_second(std::unique_lock<std::mutex>& lock);
  void leave_second(std::unique_lock<std::mutex>& lock);

  const FallbackOptions options_;
  const std::function<std::unique_ptr<Link>()> make_second_;
  const std::unique_ptr<Link> first_;
  Handler handler_;  // set before the threads start

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // State below is protected by mutex_.
  // Made and ended by run() alone; shared with calls that are under way. No link is called while
  // mutex_ is held: a link's handler may hold the link's own.
  std::shared_ptr<Link> second_;
  std::vector<std::pair<std::string, Qos>> filters_;
  Way way_ = Way::none;
  bool first_up_ = false;
  std::string reason_ = "no answer yet";  // why the first way is not up
  std::int64_t second_due_ms_ = 0;        // steady_ms() from which on the second way is wanted
  LinkStats ended_;                       // of links that are gone
  bool stopping_ = false;
  std::thread thread_;
};

Status FallbackLink::start(Handler handler) {
  handler_ = std::move(handler);
  second_due_ms_ = steady_ms() + options_.first_patience_ms;
  thread_ = std::thread([this] { run(); });
  return first_->start([this](LinkEvent&& event) { on_first(std::move(event)); });
}

Status FallbackLink::subscribe(std::string_view filter, Qos qos) {
  std::shared_ptr<Link> second;
  {
    const std::lock_guard lock(mutex_);
    filters_.emplace_back(filter, qos);
    second = second_;
  }
  if (second) {
    if (Status status = second->subscribe(filter, qos); !status) return status;
  }
  return first_->subscribe(filter, qos);
}

Status FallbackLink::publish(std::string_view topic, std::string_view payload, Qos qos,
                             bool retain) {
  Way way = Way::none;
  std::shared_ptr<Link> second;
  {
    const std::lock_guard lock(mutex_);
    way = way_;
    second = second_;
  }
  if (way == Way::first) return first_->publish(topic, payload, qos, retain);
  if (way == Way::second) return second->publish(topic, payload, qos, retain);
  return Error{ErrorCode::unavailable, "not connected"};
}

void FallbackLink::on_first(LinkEvent&& event) {
  if (event.type == LinkEvent::Type::message) return handler_(std::move(event));
  bool tell = true;
  {
    const std::lock_guard lock(mutex_);
    const bool was_up = std::exchange(first_up_, event.type == LinkEvent::Type::connected);
    if (!first_up_) {
      reason_ = event.reason;
      if (was_up) second_due_ms_ = steady_ms() + options_.patience_ms;
    }
    // While the second way is there, run() changes over.
    if (second_) {
      tell = false;
    } else {
      way_ = first_up_ ? Way::first : Way::none;
    }
  }
  changed_.notify_all();
  if (tell) handler_(std::move(event));
}

void FallbackLink::on_second(LinkEvent&& event) {
  if (event.type != LinkEvent::Type::message) {
    const std::lock_guard lock(mutex_);
    if (way_ == Way::first) return;
    way_ = event.type == LinkEvent::Type::connected ? Way::second : Way::none;
    if (way_ == Way::none) {
      event.reason = concat(options_.first_name, ": ", reason_, "; ", options_.second_name, ": ",
                            event.reason);
    }
  }
  handler_(std::move(event));
}

void FallbackLink::start_second(std::unique_lock<std::mutex>& lock) {
  log::info("link", concat("using ", options_.second_name, " for now"),
            {{concat(options_.first_name, "_is_away"), reason_}});
  lock.unlock();
  const std::shared_ptr<Link> made = make_second_();
  lock.lock();
  for (std::size_t i = 0; i < filters_.size(); ++i) {
    const auto [filter, qos] = filters_[i];
    lock.unlock();
    (void)made->subscribe(filter, qos);
    lock.lock();
  }
  second_ = made;
  lock.unlock();
  const Status started = made->start([this](LinkEvent&& event) { on_second(std::move(event)); });
  if (!started) log::error("link", started.error().with_prefix(options_.second_name).message);
  lock.lock();
}

void FallbackLink::leave_second(std::unique_lock<std::mutex>& lock) {
  const bool was_used = std::exchange(way_, Way::none) == Way::second;
  std::shared_ptr<Link> leaving = second_;
  lock.unlock();
  if (was_used) {
    handler_(LinkEvent{LinkEvent::Type::disconnected, {}, concat(options_.first_name, " is back")});
  }
  leaving->stop(0);
  const LinkStats stats = leaving->stats();
  lock.lock();
  ended_ = ended_ + stats;
  ended_.unconfirmed_messages = 0;
  second_.reset();
  const bool back = first_up_ && !stopping_;
  if (back) way_ = Way::first;
  lock.unlock();
  leaving.reset();
  if (back) {
    log::info("link", concat("using ", options_.first_name, " again"));
    handler_(LinkEvent{LinkEvent::Type::connected, {}, {}});
  }
  lock.lock();
}

void FallbackLink::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::int64_t now_ms = steady_ms();
    if (second_ && first_up_) {
      leave_second(lock);
      continue;
    }
    if (!second_ && !first_up_ && now_ms >= second_due_ms_) {
      start_second(lock);
      continue;
    }
    const bool waits_for_due = !second_ && !first_up_;
    const std::int64_t wait_ms = waits_for_due ? second_due_ms_ - now_ms : idle_ms;
    changed_.wait_for(lock, std::chrono::milliseconds(wait_ms));
  }
}

void FallbackLink::stop(std::int64_t drain_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  const bool second_is_used = way_ == Way::second;
  if (second_) second_->stop(second_is_used ? drain_ms : 0);
  first_->stop(second_is_used ? 0 : drain_ms);
}

LinkStats FallbackLink::stats() const {
  LinkStats sum;
  std::shared_ptr<Link> second;
  bool connected = false;
  {
    const std::lock_guard lock(mutex_);
    sum = ended_;
    second = second_;
    connected = way_ != Way::none;
  }
  sum = sum + first_->stats();
  if (second) sum = sum + second->stats();
  sum.connected = connected;
  return sum;
}

}  // namespace

std::unique_ptr<Link> make_fallback_link(std::unique_ptr<Link> first,
                                         std::function<std::unique_ptr<Link>()> make_second,
                                         FallbackOptions options) {
  return std::make_unique<FallbackLink>(std::move(first), std::move(make_second),
                                        std::move(options));
}

}  // namespace godwit
