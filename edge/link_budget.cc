#include "edge/link_budget.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace godwit {
namespace {

constexpr double frame_overhead = 400;
constexpr double presence_rate = 40;  // bytes per second: keepalives and the relays' state
constexpr double smoothing = 0.2;
constexpr double reserve_share = 0.05;  // of a cap, for presence
constexpr double back_to_open = 1.2;    // so that the state does not flutter
constexpr double smallest_frame = 512;
constexpr std::uint64_t largest_frame = 192U << 10;
constexpr std::uint64_t smallest_limit = 4096;
constexpr double frame_seconds = 4;  // of max_rate that one frame may take
constexpr double most_rows_per_sent = 1000;

}  // namespace

double LinkBudget::needed_rate() const {
  return presence_rate + row_cost_ * 1000 / static_cast<double>(flush_interval_ms_);
}

void LinkBudget::weigh(std::uint64_t cap, const LinkUsage& used, const LinkPeriod& period,
                       std::int64_t wall_ms) {
  if (cap == 0) return;
  const double left =
      static_cast<double>(cap) * (1 - reserve_share) - static_cast<double>(used.total());
  const double seconds = std::max(1.0, static_cast<double>(period.end_ms - wall_ms) / 1000);
  if (renews_ms_ != 0 && left / seconds >= allowed_rate_) return;
  left_ = left;
  allowed_rate_ = left / seconds;
  renews_ms_ = period.end_ms;
}

void LinkBudget::refill(const LinkStats& stats, std::int64_t now_ms) {
  if (limits_.max_rate == 0) return;
  const auto rate = static_cast<double>(limits_.max_rate);
  const std::uint64_t bytes = stats.sent_wire_bytes + stats.received_wire_bytes;
  if (refilled_ms_ == 0) tokens_ = rate;
  const double seconds = refilled_ms_ == 0 ? 0 : static_cast<double>(now_ms - refilled_ms_) / 1000;
  tokens_ = std::min(rate, tokens_ + seconds * rate) - static_cast<double>(bytes - seen_bytes_);
  seen_bytes_ = bytes;
  refilled_ms_ = now_ms;
  tokens_back_ms_ =
      tokens_ > 0 ? now_ms : now_ms + 1 + static_cast<std::int64_t>(-tokens_ / rate * 1000);
}

void LinkBudget::update(const LinkMeter& meter, const LinkStats& stats,
                        std::optional<std::int64_t> wall_ms, std::int64_t now_ms, bool even) {
  refill(stats, now_ms);
  const bool capped = limits_.max_bytes_per_day > 0 || limits_.max_bytes_per_month > 0;
  if (!capped || !wall_ms) return;
  renews_ms_ = 0;
  weigh(limits_.max_bytes_per_day, meter.day(*wall_ms), day_of(*wall_ms), *wall_ms);
  weigh(limits_.max_bytes_per_month, meter.month(*wall_ms), month_of(*wall_ms, limits_.billing_day),
        *wall_ms);
  surplus_ = allowed_rate_ > needed_rate();
  const double needed = needed_rate() * (state_ == State::open ? 1 : back_to_open);
  if (left_ < std::max(smallest_frame + frame_overhead, row_cost_)) {
    state_ = State::held;
  } else if (even && row_cost_ > 0 && allowed_rate_ < needed) {
    state_ = State::thinned;
  } else {
    state_ = State::open;
  }
}

void LinkBudget::sent(std::uint64_t payload_bytes, std::uint64_t rows, std::int64_t now_ms) {
  const double cost = static_cast<double>(payload_bytes) + frame_overhead;
  if (rows > 0) {
    const double per_row = cost / static_cast<double>(rows);
    row_cost_ = row_cost_ > 0 ? row_cost_ + smoothing * (per_row - row_cost_) : per_row;
  }
  if (state_ != State::thinned) return;
  // Presence has its part of the rate, but readings keep a tenth.
  const double rate = std::max(allowed_rate_ - presence_rate, allowed_rate_ / 10);
  paced_until_ms_ = now_ms + static_cast<std::int64_t>(cost / rate * 1000);
}

std::int64_t LinkBudget::next_frame_ms() const {
  if (state_ == State::held) return INT64_MAX;
  return std::max(tokens_back_ms_, state_ == State::thinned ? paced_until_ms_ : 0);
}

std::uint64_t LinkBudget::max_frame_bytes() const {
  std::uint64_t bytes = largest_frame;
  if (limits_.max_rate > 0) {
    const double at_once = static_cast<double>(limits_.max_rate) * frame_seconds;
    bytes = std::min(bytes, std::max(smallest_limit, static_cast<std::uint64_t>(at_once)));
  }
  if (renews_ms_ != 0) {
    const double left = std::max(smallest_frame, left_ - frame_overhead);
    bytes = std::min(bytes, static_cast<std::uint64_t>(left));
  }
  return bytes;
}

std::uint64_t LinkBudget::rows_per_sent() const {
  if (state_ != State::thinned) return 1;
  const double rate = std::max(allowed_rate_ - presence_rate, allowed_rate_ / 10);
  const double rows = row_cost_ * 1000 / static_cast<double>(flush_interval_ms_) / rate;
  return static_cast<std::uint64_t>(std::clamp(std::ceil(rows), 1.0, most_rows_per_sent));
}

std::string_view state_name(LinkBudget::State state) {
  static constexpr std::array<std::string_view, 3> names = {"open", "thinned", "held"};
  return names[static_cast<std::size_t>(state)];
}

}  // namespace godwit
