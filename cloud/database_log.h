// DatabaseLog: tells of a database that does not take samples, and that it does again: one line for
// each, however many requests fail meanwhile. Shared by all senders.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "transport/clock.h"

namespace godwit {

class DatabaseLog {
 public:
  // Of each kind there is at most one warning in so long.
  static constexpr std::int64_t repeat_ms = 60'000;

  // No answer, or one that asks for a later try. `now_ms`: of steady_ms(). Any thread.
  void failed(std::string_view reason, std::int64_t now_ms = steady_ms());
  // It refused what it was sent, for good; `reason` is its own text.
  void refused(int status, std::string_view reason, std::int64_t now_ms = steady_ms());
  // It does not say what it has of a frame that it refused.
  void query_failed(std::string_view reason, std::int64_t now_ms = steady_ms());
  void worked(std::int64_t now_ms = steady_ms());

 private:
  std::mutex mutex_;
  // Protected by mutex_.
  std::int64_t failing_since_ms_ = 0;  // 0: not failing
  bool is_told_ = false;               // of this failing
  std::int64_t told_ms_ = 0;           // 0: never
  std::string told_;
  std::int64_t refusal_told_ms_ = 0;  // 0: never
  std::int64_t query_told_ms_ = 0;    // 0: never
};

}  // namespace godwit
