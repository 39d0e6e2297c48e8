// ClockFile: for tests only (setting `clock_file`). A small text file that a test harness rewrites,
// by rename, whenever it likes, and that decides what time the agent believes it is: boots in 1970,
// steps, an RTC that rewinds the clock, suspend, a reboot, without touching the machine's clock.
//
// One `key value` per line, `#` begins a comment; a key that is missing has its default.
//   boot_id X             of a reboot; read when the agent starts. Default: the machine's.
//   boot_offset_ms N      added to CLOCK_BOOTTIME. For a boot that begins now: minus its reading.
//   wall_offset_ms N      added to the wall clock.
//   wall_at_boot_ms N     instead: the wall clock said N when the agent's boot time was 0. 0 is a
//                         boot in 1970.
//   synchronised yes|no   what the kernel says of its clock. Default: yes.
// Boot time must not go backwards within one boot id. Lines of the log keep the machine's time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/clock.h"
#include "transport/result.h"

namespace godwit {

struct ClockScript {
  std::string boot_id;  // empty: the machine's
  std::int64_t boot_offset_ms = 0;
  std::int64_t wall_offset_ms = 0;
  std::optional<std::int64_t> wall_at_boot_ms;
  bool synchronised = true;
};

Result<ClockScript> parse_clock_script(std::string_view text);

class ClockFile {
 public:
  // `base` is the machine's clock.
  static Result<ClockFile> open(const std::string& path, Clock base = system_clock());

  [[nodiscard]] const std::string& boot_id() const;
  // Any thread. Each reading looks whether the file changed; a file that cannot be read leaves what
  // it said before and is told once.
  [[nodiscard]] Clock clock() const;
  [[nodiscard]] std::function<bool()> synchronised() const;

 private:
  struct State;
  explicit ClockFile(std::shared_ptr<State> state) : state_(std::move(state)) {}
  // Shared by the functions given out, which collectors' threads may hold longer than the agent.
  std::shared_ptr<State> state_;
};

}  // namespace godwit
