#include "cloud/admission.h"

#include <algorithm>

namespace godwit {
namespace {

// With somebody waiting, others find the queue full from here on.
constexpr double reserved_from = 0.5;
constexpr std::int64_t window_ms = 1000;
constexpr double slow_decay = 0.95;
constexpr std::int64_t grace_ms = 10'000;  // how much later than told a node may come

}  // namespace

std::int64_t Admission::admit(std::string_view node, double fill, std::int64_t now_ms) {
  forget_lost(now_ms);
  const auto place = expected_until_ms_.find(std::string(node));
  const bool was_sent_away = place != expected_until_ms_.end();
  const bool others_first = !was_sent_away && !expected_until_ms_.empty() && fill >= reserved_from;
  if (fill < 1 && !others_first) {
    if (was_sent_away) expected_until_ms_.erase(place);
    return 0;
  }
  // All who wait are through in so long; asking much earlier only costs their links.
  const double turn_ms =
      served_per_ms_ > 0 ? static_cast<double>(expected_until_ms_.size()) / served_per_ms_ : 0;
  const auto longest = static_cast<std::int64_t>(
      std::clamp(turn_ms, static_cast<double>(2 * least_retry_ms), double{longest_retry_ms}));
  const std::int64_t retry_ms =
      std::uniform_int_distribution<std::int64_t>(longest / 2, longest)(random_);
  if (was_sent_away) {
    place->second = now_ms + retry_ms + grace_ms;
  } else if (expected_until_ms_.size() < max_waiting) {
    expected_until_ms_.emplace(node, now_ms + retry_ms + grace_ms);
  }
  return retry_ms;
}

void Admission::served(std::int64_t now_ms) {
  ++served_in_window_;
  const std::int64_t passed_ms = now_ms - window_begin_ms_;
  if (passed_ms < window_ms) return;
  const double rate = static_cast<double>(served_in_window_) / static_cast<double>(passed_ms);
  // A second with little to do says nothing about how much could be done.
  served_per_ms_ = std::max(rate, slow_decay * served_per_ms_);
  served_in_window_ = 0;
  window_begin_ms_ = now_ms;
}

void Admission::forget_lost(std::int64_t now_ms) {
  if (now_ms < next_forget_ms_) return;
  next_forget_ms_ = now_ms + window_ms;
  std::erase_if(expected_until_ms_, [&](const auto& entry) { return entry.second < now_ms; });
}

}  // namespace godwit
