// BootClock: what the wall clock was at any moment of this boot and of earlier ones. Readings carry
// CLOCK_BOOTTIME, which never steps; a boot's offset (wall minus boot time) turns it into wall time
// once it is known. The rules and why they are so: CLOCK.md. Owner thread only.
//
// Sources:
//   synchronised  the kernel says that its clock is disciplined. Kept for the rest of the boot: an
//                 RTC that rewinds the wall clock later takes the kernel's word back with it.
//   relay         a relay's time, known as well as the round trip that brought it was short.
//   unknown       nothing is resolved and nothing of this boot is sent.
// A relay that differs from a synchronised kernel by more than an hour wins, after some repetition;
// until then nothing is sent. Steps of up to 1 s are not followed, so that distances stay even.
#pragma once

#include <cstdint>
#include <functional>
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
  // A relay's clock said `relay_ms` at some moment between these two boot times.
  struct RelayWord {
    std::int64_t relay_ms = 0;  // 0: the relay does not trust its clock
    std::int64_t asked_ms = 0;
    std::int64_t heard_ms = 0;
  };

  // `still_synchronised` is asked, if given, after the wall clock was read, lest an RTC rewound it
  // between observe()'s argument and that.
  BootClock(std::string boot_id, Clock clock, std::function<bool()> still_synchronised = {});

  [[nodiscard]] const std::string& boot_id() const { return boot_id_; }
  // What an earlier run knew about `boot_id`, which may be the present one.
  void restore(const std::string& boot_id, Offset offset);

  // Once per tick. true: the present boot's offset is new and should be stored.
  bool observe(bool kernel_synchronised);
  // true as above. Words whose round trip took longer than 5 s are of no use.
  bool hear_relay(const RelayWord& word);

  // The present offset is known, a relay had the chance to object, and none does: what is resolved
  // now may be sent.
  [[nodiscard]] bool settled() const;
  // Another word of a relay would tell something.
  [[nodiscard]] bool wants_relay() const { return !settled() || objections_ > 0; }

  // nullopt: that boot's wall time is not known, or cannot be what it was thought to be because it
  // lies behind the present boot's begin.
  [[nodiscard]] std::optional<std::int64_t> wall_ms(const std::string& boot_id,
                                                    std::int64_t boot_ms) const;
  [[nodiscard]] std::optional<std::int64_t> wall_now() const;
  // Of the present boot.
  [[nodiscard]] Offset offset() const { return present_; }
  // Name of the quality, or "disputed".
  [[nodiscard]] std::string_view state() const;
  struct Facts {
    std::uint64_t steps = 0;               // of a known offset, since the start
    std::int64_t machine_ahead_ms = 0;     // the machine's wall clock minus wall_now()
    std::int64_t confirmed_before_ms = 0;  // since kernel or relay last agreed with the offset
  };
  // nullopt while the offset is unknown.
  [[nodiscard]] std::optional<Facts> facts() const;

 private:
  [[nodiscard]] bool known() const { return present_.quality != Quality::unknown; }
  [[nodiscard]] std::int64_t local_offset() const;
  [[nodiscard]] std::optional<std::int64_t> kernel_offset() const;
  bool object(std::int64_t low_ms, std::int64_t high_ms, std::int64_t now_ms);
  bool agree(std::int64_t now_ms);
  bool adopt(std::int64_t offset_ms, Quality quality, std::int64_t now_ms);
  void tell_change(bool was_known, std::int64_t change_ms) const;

  std::string boot_id_;
  Clock clock_;
  std::function<bool()> still_synchronised_;
  Offset present_;
  std::map<std::string, Offset> earlier_;
  bool kernel_synchronised_ = false;  // as of the last observe()
  bool checked_ = false;              // a relay has answered since the last large step
  bool disputed_ = false;             // a relay is more than an hour off
  bool told_unbelieved_ = false;
  // Words in a row that disagree with the offset, and where all of them put it.
  int objections_ = 0;
  std::int64_t low_ms_ = 0, high_ms_ = 0;
  std::optional<std::int64_t> relay_agreed_ms_;  // boot time
  std::int64_t confirmed_ms_ = 0;                // boot time
  std::uint64_t steps_ = 0;
};

std::string_view quality_name(BootClock::Quality quality);

}  // namespace godwit
