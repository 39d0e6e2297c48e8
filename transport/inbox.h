// Inbox: the bounded, thread-safe queue through which every other thread reaches an owner thread.
// The owner sleeps in wait(); nobody else ever touches its state.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

namespace godwit {

template <class T>
class Inbox {
 public:
  explicit Inbox(std::size_t capacity) : capacity_(capacity) {}

  // false when full: the item was not taken and is counted. Any thread, never blocks for long.
  bool push(T&& item) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= capacity_) {
        ++refused_;
        return false;
      }
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
    return true;
  }

  // Takes everything that is there, waiting up to `timeout_ms` for the first item or for wake().
  // Owner thread only.
  std::vector<T> wait(std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto is_ready = [this] { return !items_.empty() || woken_; };
    // system_clock's wait_until is instrumented by ThreadSanitizer, steady_clock's is not.
    ready_.wait_for(lock, std::chrono::milliseconds(timeout_ms), is_ready);
    woken_ = false;
    std::vector<T> taken(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.end()));
    items_.clear();
    return taken;
  }

  // Ends a wait() now. Any thread.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    ready_.notify_one();
  }

  [[nodiscard]] std::uint64_t refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  // State below is protected by mutex_.
  std::deque<T> items_;
  const std::size_t capacity_;
  std::uint64_t refused_ = 0;
  bool woken_ = false;
};

}  // namespace godwit
