#include "edge/boot_clock.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "transport/log.h"

namespace godwit {
namespace {

constexpr std::int64_t followed_step_ms = 1000;
// A relay and the offset agree when they do within this and the round trip.
constexpr std::int64_t agreement_ms = 1000;
constexpr std::int64_t dispute_ms = 3'600'000;
constexpr std::int64_t longest_round_trip_ms = 5000;
// One word is enough when it is known so well and nothing was known before.
constexpr std::int64_t sure_ms = 1000;
constexpr int objections_believed = 3;
// While a relay agreed so recently, another that does not is the one that is wrong.
constexpr std::int64_t agreement_lasts_ms = 600'000;
// No reading was made before 2020-01-01 or after 2100-01-01, whatever a clock says.
constexpr std::int64_t earliest_wall_ms = 1'577'836'800'000;
constexpr std::int64_t latest_wall_ms = 4'102'444'800'000;

bool plausible(std::int64_t wall_ms) {
  return wall_ms >= earliest_wall_ms && wall_ms < latest_wall_ms;
}

bool within(std::int64_t value, std::int64_t low, std::int64_t high, std::int64_t tolerance) {
  return value >= low - tolerance && value <= high + tolerance;
}

}  // namespace

BootClock::BootClock(std::string boot_id, Clock clock, std::function<bool()> still_synchronised)
    : boot_id_(std::move(boot_id)),
      clock_(std::move(clock)),
      still_synchronised_(std::move(still_synchronised)) {}

void BootClock::restore(const std::string& boot_id, Offset offset) {
  if (offset.quality == Quality::unknown) return;
  if (boot_id == boot_id_) {
    present_ = offset;
    confirmed_ms_ = clock_().boot_ms;
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

std::optional<std::int64_t> BootClock::kernel_offset() const {
  if (!kernel_synchronised_ || !plausible(clock_().wall_ms)) return std::nullopt;
  const std::int64_t offset = local_offset();
  if (still_synchronised_ && !still_synchronised_()) return std::nullopt;
  return offset;
}

void BootClock::tell_change(bool was_known, std::int64_t change_ms) const {
  log::info("clock", was_known ? "the wall clock stepped" : "the wall time is known",
            {{"source", quality_name(present_.quality)},
             {"now", format_utc(present_.ms + clock_().boot_ms)},
             {"step_ms", was_known ? change_ms : 0}});
}

bool BootClock::adopt(std::int64_t offset_ms, Quality quality, std::int64_t now_ms) {
  confirmed_ms_ = now_ms;
  const bool was_known = known();
  const std::int64_t change = offset_ms - present_.ms;
  const bool step = !was_known || std::abs(change) > followed_step_ms;
  if (!step && quality == present_.quality) return false;
  present_.quality = quality;
  if (step) {
    present_.ms = offset_ms;
    if (was_known) ++steps_;
    tell_change(was_known, change);
  }
  return true;
}

bool BootClock::observe(bool kernel_synchronised) {
  if (kernel_synchronised != kernel_synchronised_) {
    kernel_synchronised_ = kernel_synchronised;
    if (!kernel_synchronised && known()) {
      log::info("clock", "the kernel's clock is no longer synchronised; the offset is kept");
    }
  }
  if (!kernel_synchronised) return false;
  // The usual case costs one reading.
  const TimePoint now = clock_();
  if (!plausible(now.wall_ms)) return false;
  const std::int64_t change = std::abs(now.wall_ms - now.boot_ms - present_.ms);
  if (present_.quality == Quality::synchronised && change <= followed_step_ms) {
    confirmed_ms_ = now.boot_ms;
    return false;
  }
  if (known() && relay_agreed_ms_ && change > dispute_ms) {
    if (!std::exchange(told_unbelieved_, true)) {
      log::warning(
          "clock",
          "the kernel says that its clock is synchronised, but it is more than an hour "
          "off what the relay says: not followed; is the node's NTP server right?",
          {{"kernel", format_utc(now.wall_ms)}, {"kept", format_utc(present_.ms + now.boot_ms)}});
    }
    return false;
  }
  const auto offset = kernel_offset();
  if (!offset) return false;
  told_unbelieved_ = false;
  if (known() && std::abs(*offset - present_.ms) > dispute_ms) checked_ = false;
  return adopt(*offset, Quality::synchronised, now.boot_ms);
}

bool BootClock::agree(std::int64_t now_ms) {
  objections_ = 0;
  relay_agreed_ms_ = now_ms;
  confirmed_ms_ = now_ms;
  if (std::exchange(disputed_, false)) log::info("clock", "the relay agrees with the wall time");
  return false;
}

bool BootClock::hear_relay(const RelayWord& word) {
  if (word.relay_ms == 0) {
    checked_ = true;
    return false;
  }
  const std::int64_t round_trip = word.heard_ms - word.asked_ms;
  if (!plausible(word.relay_ms) || round_trip < 0 || round_trip > longest_round_trip_ms) {
    return false;
  }
  checked_ = true;
  const std::int64_t low = word.relay_ms - word.heard_ms;
  const std::int64_t high = word.relay_ms - word.asked_ms;
  // What the kernel is surer of than the round trip allows is the kernel's.
  if (const auto kernel = kernel_offset(); kernel && within(*kernel, low, high, dispute_ms)) {
    agree(word.heard_ms);
    return adopt(*kernel, Quality::synchronised, word.heard_ms);
  }
  if (known() && within(present_.ms, low, high, agreement_ms)) return agree(word.heard_ms);
  return object(low, high, word.heard_ms);
}

bool BootClock::object(std::int64_t low_ms, std::int64_t high_ms, std::int64_t now_ms) {
  if (relay_agreed_ms_ && now_ms - *relay_agreed_ms_ < agreement_lasts_ms) return false;
  const bool apart = low_ms > high_ms_ + agreement_ms || high_ms < low_ms_ - agreement_ms;
  if (objections_ == 0 || apart) {
    objections_ = 0;
    low_ms_ = low_ms;
    high_ms_ = high_ms;
  } else {
    const std::int64_t low = std::max(low_ms, low_ms_);
    const std::int64_t high = std::min(high_ms, high_ms_);
    low_ms_ = std::min(low, high);
    high_ms_ = std::max(low, high);
  }
  ++objections_;
  if (known() && !within(present_.ms, low_ms_, high_ms_, dispute_ms) &&
      !std::exchange(disputed_, true)) {
    log::warning(
        "clock",
        "the relay's time is more than an hour off this node's: nothing is sent until "
        "that is settled",
        {{"relay", format_utc(high_ms_ + now_ms)}, {"node", format_utc(present_.ms + now_ms)}});
  }
  const bool enough =
      objections_ >= objections_believed || (!known() && high_ms_ - low_ms_ <= sure_ms);
  if (!enough) return false;
  const std::int64_t local = local_offset();
  const bool local_fits = within(local, low_ms_, high_ms_, agreement_ms);
  agree(now_ms);
  return adopt(local_fits ? local : low_ms_ + (high_ms_ - low_ms_) / 2, Quality::relay, now_ms);
}

bool BootClock::settled() const { return known() && checked_ && !disputed_; }

std::optional<std::int64_t> BootClock::wall_ms(const std::string& boot_id,
                                               std::int64_t boot_ms) const {
  if (boot_id == boot_id_) {
    if (!known()) return std::nullopt;
    return present_.ms + boot_ms;
  }
  const auto found = earlier_.find(boot_id);
  if (found == earlier_.end()) return std::nullopt;
  const std::int64_t wall = found->second.ms + boot_ms;
  if (known() && wall > present_.ms + followed_step_ms) return std::nullopt;
  return wall;
}

std::optional<std::int64_t> BootClock::wall_now() const {
  return wall_ms(boot_id_, clock_().boot_ms);
}

std::optional<BootClock::Facts> BootClock::facts() const {
  if (!known()) return std::nullopt;
  const TimePoint now = clock_();
  return Facts{steps_, now.wall_ms - now.boot_ms - present_.ms, now.boot_ms - confirmed_ms_};
}

std::string_view BootClock::state() const {
  return disputed_ ? "disputed" : quality_name(present_.quality);
}

std::string_view quality_name(BootClock::Quality quality) {
  static constexpr std::array<std::string_view, 3> names = {"unknown", "relay", "synchronised"};
  return names[static_cast<std::size_t>(quality)];
}

}  // namespace godwit
