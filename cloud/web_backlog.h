// WebBacklog's keeper: how far a node has come with sending what it held back, out of the times of
// its frames. Works for both orders: all of the backlog first, or fresh readings in between, and
// where several relays see every other frame each. One node, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cloud/web_summary.h"

namespace godwit {

class BacklogWatch {
 public:
  // What a frame was, beside its times.
  struct Piece {
    std::int64_t first_ms = 0, last_ms = 0;
    std::size_t ticks = 0, samples = 0;
  };

  // The node has told how much waits there.
  void on_told(std::uint64_t ticks, std::optional<double> age_s);
  void on_history(const Piece& piece, std::int64_t now_ms);
  // A frame of the present. `age_s`: of the oldest tick that waits, as the node says in it.
  void on_live(const Piece& piece, std::optional<std::uint64_t> ticks, std::optional<double> age_s);
  // Since when there is one, of what times it is; nullopt: nothing is caught up with.
  struct Episode {
    std::int64_t started_ms = 0;  // the relay's clock
    std::int64_t begin_ms = 0, position_ms = 0;
    std::uint64_t ticks = 0;
    std::optional<std::int64_t> live_from_ms;  // fresh readings overtake
    std::int64_t last_ms = 0;                  // when the last piece came
  };
  [[nodiscard]] const std::optional<Episode>& episode() const { return episode_; }
  // The last one, once, when it is over.
  std::optional<Episode> take_ended(std::int64_t now_ms);

  [[nodiscard]] WebBacklog describe(std::int64_t now_ms) const;

 private:
  void count(const Piece& piece);
  void end();

  std::optional<Episode> episode_, ended_;
  std::uint64_t ticks_ = 0;
  std::optional<double> age_s_;
  double samples_per_tick_ = 0;  // smoothed; 0: not known
};

}  // namespace godwit
