// SendOrder: which rows go next. Oldest first, strictly, unless the relays say that their database
// takes samples out of order: then fresh rows go first and the backlog has every second frame, so
// that neither starves. Owner thread only; used by Uplink.
//
// While live-first is on there are two lanes: fresh rows behind a boundary, the backlog up to it.
// Fresh rows that were delivered are released from the buffer together, once a minute or when the
// backlog comes to them: a kill has at most that much sent again, which relays know by stream and
// seq.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "edge/buffer.h"

namespace godwit {

class SendOrder {
 public:
  // What a relay says of its database, in an ack or in a state message that came live.
  struct Word {
    bool out_of_order_ok = false;
    std::int64_t window_ms = 0;  // how far behind the present; 0: any age
  };
  void hear(const Word& word, std::int64_t now_ms);
  // Fresh rows may overtake others of this age. One "no" holds for a minute: several relays with
  // different databases may answer in turn.
  [[nodiscard]] bool may_overtake(std::int64_t age_ms, std::int64_t now_ms) const;

  // Rows to take the next frame from: (after, until].
  struct Lane {
    std::uint64_t after = 0;
    std::uint64_t until = UINT64_MAX;
    bool fresh = false;  // overtakes what waits before it
  };
  struct Wish {
    bool live_first = false;    // false: oldest first
    bool newest_only = false;   // with live_first: of the fresh rows the last; the others wait
    bool hold_backlog = false;  // with live_first: fresh rows alone
  };
  // nullopt: nothing of what is wished waits.
  Result<std::optional<Lane>> next(Buffer& buffer, const Wish& wish, std::int64_t now_ms);

  // The rows from first to last, taken from `lane`, are in the database.
  Status stored(Buffer& buffer, const Lane& lane, SeqRange rows, std::int64_t now_ms);
  // Releases what was gathered for long enough, or all of it.
  Status release(Buffer& buffer, std::int64_t now_ms, bool all = false);

  // Another connection: what is fresh is to be found anew.
  void reconnected() { boundary_.reset(); }
  // Another buffer: what was gathered belonged to the old one.
  void forget();
  [[nodiscard]] bool live_first() const { return boundary_.has_value(); }

 private:
  std::optional<std::uint64_t> boundary_;  // rows behind it are fresh
  bool fresh_turn_ = true;
  std::vector<SeqRange> gathered_;  // delivered, still in the buffer
  std::int64_t gathered_since_ms_ = 0;
  Word word_;
  std::optional<std::int64_t> no_ms_;  // when "no" was heard last
};

}  // namespace godwit
