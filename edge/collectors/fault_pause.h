// FaultPause: how long a vendor's tool is let be after it failed, so that a driver that hangs is
// not asked again and again: 10 s, then twice as long with each failure up to 5 min. Used by the
// collectors that run a tool. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace godwit {

class FaultPause {
 public:
  // Times are the node's boot_ms.
  [[nodiscard]] bool is_over(std::int64_t now_ms) const { return now_ms >= resume_at_ms_; }
  void start(std::int64_t now_ms) {
    length_ms_ = std::clamp(length_ms_ * 2, first_ms, longest_ms);
    resume_at_ms_ = now_ms + length_ms_;
  }
  // After a success.
  void reset() { length_ms_ = resume_at_ms_ = 0; }

 private:
  static constexpr std::int64_t first_ms = 10'000;
  static constexpr std::int64_t longest_ms = 300'000;

  std::int64_t length_ms_ = 0, resume_at_ms_ = 0;
};

}  // namespace godwit
