// BootClock: what the wall clock was at any moment of this boot and of earlier ones. Readings carry
// CLOCK_BOOTTIME, which never steps; a boot's offset (wall minus boot time) turns it into wall time
// once it is known. Owner thread only.
//
// Sources, best first:
//   synchronised  the kernel says that its clock is disciplined. Kept for the rest of the boot: an
//                 RTC that rewinds the wall clock later takes the kernel's word back with it.
//   relay         the relay's time. It is late by the way it took, so it is a lower bound: a higher
//                 one is taken at once, a lower one only when it comes again and again. When the
//                 machine's own wall clock agrees with it within 2 s, that one is used, which is
//                 exact to the millisecond.
//   unknown       nothing is resolved and nothing of this boot is sent.
// Steps of up to 1 s are not followed, so that resolved times do not jitter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "transport/clock.h"

namespace godwit {

class BootClock {
 public:
  // Numbers are stored in the buffer.
  enum class Quality : std::uint8_t { unknown = 0, relay = 1, synchronised = 2 };
  struct Offset {
    std::int64_t ms = 0;
    Quality quality = Quality::unknown;
  };

  BootClock(std::string boot_id, Clock clock);

  [[nodiscard]] const std::string& boot_id() const { return boot_id_; }
  // What an earlier run knew about `boot_id`, which may be the present one.
  void restore(const std::string& boot_id, Offset offset);

  // Once per tick. true: the present boot's offset is new and should be stored.
  bool observe(bool kernel_synchronised);
  // A relay's clock as just received, not retained and not older than the network's delay.
  // true as above.
  bool hear_relay(std::int64_t relay_ms);

  // nullopt: that boot's wall time is not known.
  [[nodiscard]] std::optional<std::int64_t> wall_ms(const std::string& boot_id,
                                                    std::int64_t boot_ms) const;
  [[nodiscard]] std::optional<std::int64_t> wall_now() const;
  // Of the present boot.
  [[nodiscard]] Offset offset() const { return present_; }

 private:
  [[nodiscard]] std::int64_t local_offset() const;
  bool adopt(std::int64_t offset_ms, Quality quality);

  std::string boot_id_;
  Clock clock_;
  Offset present_;
  std::map<std::string, Offset> earlier_;
  int lower_count_ = 0;  // relay times in a row that were below the present offset
  std::int64_t highest_lower_ms_ = 0;
};

std::string_view quality_name(BootClock::Quality quality);

}  // namespace godwit
