// How the agent gets a buffer whatever the disk does: what reads of a damaged file is moved to a
// new one and the damaged one set aside; a file that cannot be used gives a buffer in RAM, and the
// reason. Never fails, so that bad storage cannot become a crash loop.
#pragma once

#include <optional>
#include <string>

#include "edge/buffer.h"

namespace godwit {

struct OpenedBuffer {
  Buffer buffer;
  // Set when `buffer` is in RAM though a file was asked for.
  std::optional<Error> trouble;
  // Then: the file, if it reads but cannot be written.
  std::optional<Buffer> readable;
  // The file was damaged: seqs of rows that are lost must not be used again.
  bool salvaged = false;
};

struct OpenHints {
  std::optional<Error> damage;  // whatever opening says
  std::uint64_t stream = 0;     // of the process that used the file until now; 0: none did
  std::uint64_t last_seq = 0;
  std::uint64_t released = 0;
};

inline constexpr std::uint64_t max_memory_buffer_bytes = 16U << 20;

// Creates the folder of `path` when it is missing. Logs what it had to do. path "": RAM is wanted.
OpenedBuffer open_buffer(const std::string& path, const BufferLimits& limits,
                         const OpenHints& hints = {});

// Moves the file with its WAL to `<path>.damaged-<n>`, and keeps the newest of those files while
// they stay within both bounds.
inline constexpr std::size_t max_damaged_files = 2;
inline constexpr std::uint64_t max_damaged_bytes = 64U << 20;
Status set_damaged_aside(const std::string& path);

}  // namespace godwit
