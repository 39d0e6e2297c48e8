#include "edge/send_order.h"

#include "transport/log.h"

namespace godwit {
namespace {

constexpr std::int64_t no_holds_ms = 60'000;
constexpr std::int64_t gather_ms = 60'000;
constexpr std::size_t max_gathered = 64;

}  // namespace

void SendOrder::hear(const Word& word, std::int64_t now_ms) {
  if (word.out_of_order_ok) {
    word_ = word;
    return;
  }
  if (boundary_) {
    log::warning("uplink",
                 "a relay's database takes samples only in order now: what it refuses of the "
                 "backlog behind fresh readings is counted");
  }
  no_ms_ = now_ms;
}

bool SendOrder::may_overtake(std::int64_t age_ms, std::int64_t now_ms) const {
  if (!word_.out_of_order_ok || (no_ms_ && now_ms - *no_ms_ < no_holds_ms)) return false;
  // A tenth is left for the backlog's own way.
  return word_.window_ms == 0 || age_ms < word_.window_ms - word_.window_ms / 10;
}

Result<std::optional<SendOrder::Lane>> SendOrder::next(Buffer& buffer, const Wish& wish,
                                                       std::int64_t now_ms) {
  if (!wish.live_first) {
    boundary_.reset();
    if (Status released = release(buffer, now_ms, true); !released) return released.error();
    return buffer.empty() ? std::nullopt : std::optional(Lane{});
  }
  auto oldest = buffer.oldest();
  if (oldest && *oldest && !gathered_.empty() && (*oldest)->first_seq >= gathered_.front().first) {
    // The backlog has come to what overtook it.
    if (Status released = release(buffer, now_ms, true); !released) return released.error();
    oldest = buffer.oldest();
  }
  const auto newest = buffer.newest();
  if (!oldest || !newest) return (oldest ? newest : oldest).error();
  if (!*oldest || !*newest) return std::optional<Lane>{};
  if (!boundary_) {
    boundary_ = (*newest)->first_seq - 1;
    fresh_turn_ = true;
  }
  const bool backlog = (*oldest)->first_seq <= *boundary_;
  const bool fresh = (*newest)->last_seq > *boundary_;
  if (!backlog && !wish.newest_only) {
    boundary_.reset();
    return std::optional(Lane{});
  }
  if (fresh && (fresh_turn_ || !backlog || wish.hold_backlog)) {
    const std::uint64_t after = wish.newest_only ? (*newest)->first_seq - 1 : *boundary_;
    return std::optional(Lane{after, UINT64_MAX, true});
  }
  if (!backlog || wish.hold_backlog) return std::optional<Lane>{};
  const std::uint64_t until = gathered_.empty() ? *boundary_ : gathered_.front().first - 1;
  return std::optional(Lane{0, until, false});
}

Status SendOrder::stored(Buffer& buffer, const Lane& lane, SeqRange rows, std::int64_t now_ms) {
  fresh_turn_ = !lane.fresh;
  if (!lane.fresh) return buffer.release(rows.last);
  boundary_ = rows.last;
  if (gathered_.empty()) gathered_since_ms_ = now_ms;
  if (!gathered_.empty() && gathered_.back().last + 1 == rows.first) {
    gathered_.back().last = rows.last;
  } else {
    gathered_.push_back(rows);
  }
  return release(buffer, now_ms, gathered_.size() >= max_gathered);
}

Status SendOrder::release(Buffer& buffer, std::int64_t now_ms, bool all) {
  if (gathered_.empty() || (!all && now_ms - gathered_since_ms_ < gather_ms)) return {};
  if (Status released = buffer.release_ranges(gathered_); !released) return released;
  gathered_.clear();
  return {};
}

void SendOrder::forget() {
  boundary_.reset();
  gathered_.clear();
}

}  // namespace godwit
