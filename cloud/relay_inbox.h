// RelayInbox: how the threads of the link, the senders and the probe reach the relay's owner
// thread. Bounded in messages and in bytes; what is over the bound is dropped and counted, because
// a node sends again what was not acked. Connects and disconnects always get through.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cloud/database_traits.h"
#include "cloud/delivery.h"
#include "transport/inbox.h"
#include "transport/link.h"

namespace godwit {

class RelayInbox {
 public:
  RelayInbox(std::size_t max_messages, std::size_t max_bytes)
      : events_(max_messages + room_for_others),
        max_messages_(max_messages),
        max_bytes_(max_bytes) {}

  // Link's thread.
  void push(LinkEvent&& event) {
    const std::size_t size = event.message.payload.size();
    if (event.type == LinkEvent::Type::message &&
        (messages_ >= max_messages_ || bytes_ + size > max_bytes_)) {
      ++refused_;
      return;
    }
    ++messages_;
    bytes_ += size;
    if (!events_.push(std::move(event))) {
      --messages_;
      bytes_ -= size;
      ++refused_;
    }
  }

  // Senders' threads.
  void push(std::vector<UnitOutcome>&& outcomes) {
    {
      const std::lock_guard lock(mutex_);
      for (auto& outcome : outcomes) outcomes_.push_back(std::move(outcome));
    }
    events_.wake();
  }

  // The probe's thread.
  void push(Result<DatabaseTraits>&& traits) {
    {
      const std::lock_guard lock(mutex_);
      traits_ = std::move(traits);
    }
    events_.wake();
  }

  // Any thread.
  void wake() { events_.wake(); }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  // Owner thread only.
  std::vector<LinkEvent> wait(std::int64_t timeout_ms) {
    auto events = events_.wait(timeout_ms);
    for (const auto& event : events) {
      --messages_;
      bytes_ -= event.message.payload.size();
    }
    return events;
  }
  std::vector<UnitOutcome> take_outcomes() {
    const std::lock_guard lock(mutex_);
    return std::exchange(outcomes_, {});
  }
  // The last one since the last call.
  std::optional<Result<DatabaseTraits>> take_traits() {
    const std::lock_guard lock(mutex_);
    return std::exchange(traits_, std::nullopt);
  }

 private:
  static constexpr std::size_t room_for_others = 1024;

  Inbox<LinkEvent> events_;
  const std::size_t max_messages_;
  const std::size_t max_bytes_;
  std::atomic<std::size_t> messages_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_;
  std::vector<UnitOutcome> outcomes_;  // guarded by mutex_; as many as units are under way
  std::optional<Result<DatabaseTraits>> traits_;  // guarded by mutex_
};

}  // namespace godwit
