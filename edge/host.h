// Host: all that a collector may touch of the machine. Every path hangs from `root`, so a test or
// `--root` points a collector at a tree of files instead of the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/clock.h"
#include "transport/result.h"

namespace godwit {

struct CommandOutput {
  std::string text;        // standard output, up to the cap
  std::string error_text;  // standard error, up to the cap
  int exit_status = 0;     // 128 + signal when a signal ended it
  bool truncated = false;
};

class Host {
 public:
  explicit Host(std::string root = "/", Clock clock = system_clock());

  [[nodiscard]] TimePoint now() const { return clock_(); }
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool is_real() const { return root_ == "/"; }

  // `absolute` below the root. Symbolic links are followed as they are.
  [[nodiscard]] std::string path(std::string_view absolute) const;

  // Whole content, at most `limit` bytes (more: too large is ErrorCode::invalid). A missing file is
  // ErrorCode::no_data, one that may not be read ErrorCode::permission; the message names the path.
  [[nodiscard]] Result<std::string> read_file(std::string_view absolute,
                                              std::size_t limit = 1U << 20) const;
  // First line, trimmed. For sysfs attributes.
  [[nodiscard]] Result<std::string> read_line(std::string_view absolute) const;
  [[nodiscard]] Result<std::int64_t> read_int(std::string_view absolute) const;
  // Names in a directory, sorted, without "." and "..".
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view absolute) const;
  [[nodiscard]] bool exists(std::string_view absolute) const;
  // Last part of where a symbolic link points to.
  [[nodiscard]] Result<std::string> link_name(std::string_view absolute) const;

 private:
  std::string root_;
  Clock clock_;
};

// Runs a program without a shell, with /dev/null as input, LC_ALL=C, in a process group of its own
// that is killed at the deadline, or as soon as the program itself has ended. Blocks up to
// `deadline`, and at most a second longer for a child that SIGKILL does not end at once. Not found:
// ErrorCode::no_data; may not be run: ErrorCode::permission; deadline: ErrorCode::timeout; too many
// earlier runs hang in the kernel: ErrorCode::unavailable. A non-zero exit is not an Error. argv[0]
// is searched in PATH when it has no '/'. Reading of a stream stops at `output_cap` bytes, and the
// stream is closed (truncated is set). Any thread.
Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                  std::chrono::milliseconds deadline, std::size_t output_cap);

}  // namespace godwit
