#include "edge/boot_clock.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "transport/log.h"

namespace godwit {
namespace {

constexpr std::int64_t followed_step_ms = 1000;
constexpr std::int64_t agreement_ms = 2000;
constexpr int lower_times_believed = 5;
// No reading was made before 2020-01-01 or after 2100-01-01, whatever a clock says.
constexpr std::int64_t earliest_wall_ms = 1'577'836'800'000;
constexpr std::int64_t latest_wall_ms = 4'102'444'800'000;

bool plausible(std::int64_t wall_ms) {
  return wall_ms >= earliest_wall_ms && wall_ms < latest_wall_ms;
}

}  // namespace

BootClock::BootClock(std::string boot_id, Clock clock)
    : boot_id_(std::move(boot_id)), clock_(std::move(clock)) {}

void BootClock::restore(const std::string& boot_id, Offset offset) {
  if (offset.quality == Quality::unknown) return;
  if (boot_id == boot_id_) {
    present_ = offset;
  } else {
    earlier_[boot_id] = offset;
  }
}

// The two clocks are read one after the other, wall first; a pause in between makes the offset too
// small, so the largest of some readings is the right one.
std::int64_t BootClock::local_offset() const {
  std::int64_t best = INT64_MIN;
  for (int i = 0; i < 3; ++i) {
    const TimePoint now = clock_();
    best = std::max(best, now.wall_ms - now.boot_ms);
  }
  return best;
}

bool BootClock::adopt(std::int64_t offset_ms, Quality quality) {
  const bool known = present_.quality != Quality::unknown;
  const std::int64_t change = offset_ms - present_.ms;
  const bool step = !known || std::abs(change) > followed_step_ms;
  if (!step && quality == present_.quality) return false;
  if (step) {
    present_.ms = offset_ms;
    log::info("clock", known ? "the wall clock stepped" : "the wall time is known",
              {{"source", quality_name(quality)},
               {"now", format_utc(offset_ms + clock_().boot_ms)},
               {"step_ms", known ? change : 0}});
  }
  present_.quality = quality;
  return true;
}

bool BootClock::observe(bool kernel_synchronised) {
  if (!kernel_synchronised) return false;
  const TimePoint now = clock_();
  if (!plausible(now.wall_ms)) return false;
  // The usual case costs one reading.
  if (present_.quality == Quality::synchronised &&
      std::abs(now.wall_ms - now.boot_ms - present_.ms) <= followed_step_ms) {
    return false;
  }
  return adopt(local_offset(), Quality::synchronised);
}

bool BootClock::hear_relay(std::int64_t relay_ms) {
  if (!plausible(relay_ms) || present_.quality == Quality::synchronised) return false;
  std::int64_t offset = relay_ms - clock_().boot_ms;
  const std::int64_t local = local_offset();
  if (std::abs(local - offset) <= agreement_ms) offset = local;
  if (present_.quality == Quality::unknown || offset >= present_.ms - followed_step_ms) {
    lower_count_ = 0;
    return adopt(offset, Quality::relay);
  }
  highest_lower_ms_ = lower_count_ == 0 ? offset : std::max(highest_lower_ms_, offset);
  if (++lower_count_ < lower_times_believed) return false;
  lower_count_ = 0;
  return adopt(highest_lower_ms_, Quality::relay);
}

std::optional<std::int64_t> BootClock::wall_ms(const std::string& boot_id,
                                               std::int64_t boot_ms) const {
  if (boot_id == boot_id_) {
    if (present_.quality == Quality::unknown) return std::nullopt;
    return present_.ms + boot_ms;
  }
  const auto found = earlier_.find(boot_id);
  if (found == earlier_.end()) return std::nullopt;
  return found->second.ms + boot_ms;
}

std::optional<std::int64_t> BootClock::wall_now() const {
  return wall_ms(boot_id_, clock_().boot_ms);
}

std::string_view quality_name(BootClock::Quality quality) {
  static constexpr std::array<std::string_view, 3> names = {"unknown", "relay", "synchronised"};
  return names[static_cast<std::size_t>(quality)];
}

}  // namespace godwit
