#include "cloud/web_backlog.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace godwit {
namespace {

// Frames of history come one after the other. When none comes for so long, it is over.
constexpr std::int64_t silence_ms = 30'000;
// The oldest tick that waits at a node that is up to date is of its last few frames.
constexpr double present_age_s = 30;
// Below, nothing can be said of the speed.
constexpr std::int64_t least_observed_ms = 2000;

}  // namespace

void BacklogWatch::count(const Piece& piece) {
  if (piece.ticks == 0) return;
  const double mean = static_cast<double>(piece.samples) / static_cast<double>(piece.ticks);
  samples_per_tick_ = samples_per_tick_ == 0 ? mean : samples_per_tick_ * 0.8 + mean * 0.2;
}

void BacklogWatch::on_told(std::uint64_t ticks, std::optional<double> age_s) {
  ticks_ = ticks;
  age_s_ = age_s;
}

void BacklogWatch::on_history(const Piece& piece, std::int64_t now_ms) {
  count(piece);
  if (episode_ && now_ms - episode_->last_ms > silence_ms) end();
  if (!episode_) episode_ = Episode{now_ms, piece.first_ms, piece.first_ms, 0, {}, now_ms};
  Episode& episode = *episode_;
  episode.begin_ms = std::min(episode.begin_ms, piece.first_ms);
  episode.position_ms = std::max(episode.position_ms, piece.last_ms);
  episode.ticks += piece.ticks;
  episode.last_ms = now_ms;
  ticks_ -= std::min<std::uint64_t>(ticks_, piece.ticks);
  age_s_ = std::max<double>(0, static_cast<double>(now_ms - episode.position_ms) / 1000);
}

void BacklogWatch::on_live(const Piece& piece, std::optional<std::uint64_t> ticks,
                           std::optional<double> age_s) {
  count(piece);
  if (ticks) ticks_ = *ticks;
  if (age_s || (ticks && !episode_)) age_s_ = age_s;
  if (!episode_) return;
  // Not every frame has the agent's own readings, and the age of what cannot be dated is not known.
  const bool nothing_old = age_s ? *age_s < present_age_s : ticks == 0U;
  if (nothing_old) {
    age_s_ = age_s;
    if (!ticks) ticks_ = 0;
    end();
  } else if (!episode_->live_from_ms) {
    episode_->live_from_ms = piece.first_ms;
  }
}

void BacklogWatch::end() { ended_ = std::exchange(episode_, std::nullopt); }

std::optional<BacklogWatch::Episode> BacklogWatch::take_ended(std::int64_t now_ms) {
  if (episode_ && now_ms - episode_->last_ms > silence_ms) end();
  return std::exchange(ended_, std::nullopt);
}

WebBacklog BacklogWatch::describe(std::int64_t now_ms) const {
  WebBacklog out;
  out.ticks = ticks_;
  out.age_s = age_s_;
  if (samples_per_tick_ > 0) {
    out.samples =
        static_cast<std::uint64_t>(std::llround(samples_per_tick_ * static_cast<double>(ticks_)));
  }
  out.catching_up = episode_.has_value();
  if (!episode_) return out;
  const Episode& episode = *episode_;
  const auto end_ms = static_cast<double>(episode.live_from_ms.value_or(now_ms));
  const auto begin_ms = static_cast<double>(episode.begin_ms);
  const auto position_ms = static_cast<double>(episode.position_ms);
  if (end_ms > begin_ms) {
    out.progress = std::clamp((position_ms - begin_ms) / (end_ms - begin_ms), 0.0, 1.0);
  }
  const std::int64_t observed_ms = now_ms - episode.started_ms;
  if (observed_ms < least_observed_ms) return out;
  // Time of readings that goes by per time. Where all comes in order the present runs ahead of it.
  double speed = (position_ms - begin_ms) / static_cast<double>(observed_ms);
  if (!episode.live_from_ms) speed -= 1;
  const double left_ms = std::max(0.0, end_ms - position_ms);
  constexpr double least_speed = 0.01;
  if (speed > least_speed) out.left_s = left_ms / 1000 / speed;
  return out;
}

}  // namespace godwit
