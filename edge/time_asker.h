// TimeAsker: asks a relay what time it is, and hands the answer to the BootClock together with the
// time the answer took. A question is a frame without columns on `…/up` (FRAME.md, "Asking for the
// time"): any relay answers it at once, without its database. No thread, never blocks; used by
// Uplink, times are CLOCK_BOOTTIME milliseconds.
//
// It asks when the BootClock wants to know: before the first frame of a process, and as long as the
// time is unknown or disputed.
#pragma once

#include <cstdint>
#include <string>

#include "edge/boot_clock.h"
#include "transport/ack.h"
#include "transport/backoff.h"
#include "transport/link.h"

namespace godwit {

class TimeAsker {
 public:
  // Link and clock must outlive it.
  TimeAsker(Link& link, BootClock& clock, std::string node, Backoff::Random random);

  // The next question need not wait: nobody got the last one,
  void connected(std::int64_t now_ms);
  // or whoever did is back only now.
  void relay_lives(std::int64_t now_ms);
  // Publishes a question if one is due.
  void step(std::int64_t now_ms);
  // INT64_MAX for never.
  [[nodiscard]] std::int64_t next_step_ms() const;
  // An answer to one of the questions; other acks are not looked at.
  enum class Heard : std::uint8_t { not_ours, nothing_new, clock_changed };
  Heard take(const Ack& ack, std::int64_t now_ms);

 private:
  Link& link_;
  BootClock& clock_;
  std::string node_;
  std::uint64_t stream_;  // random: no relay mixes it up with a buffer's
  Backoff pause_;
  std::uint64_t question_ = 0;  // seq of the last one
  std::int64_t asked_ms_ = 0;
  std::int64_t due_ms_ = 0;
};

}  // namespace godwit
