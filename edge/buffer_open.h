// How the agent gets a buffer whatever the disk does: a damaged file is set aside and a new one
// begun; a file that cannot be used gives a buffer in RAM, and the reason. Never fails, so that bad
// storage cannot become a crash loop.
#pragma once

#include <optional>
#include <string>

#include "edge/buffer.h"

namespace godwit {

struct OpenedBuffer {
  Buffer buffer;
  // Set when `buffer` is in RAM though a file was asked for.
  std::optional<Error> trouble;
};

inline constexpr std::uint64_t max_memory_buffer_bytes = 16U << 20;

// Creates the folder of `path` when it is missing. Logs what it had to do. path "": RAM is wanted.
OpenedBuffer open_buffer(const std::string& path, const BufferLimits& limits);

// Moves the file with its WAL to `<path>.damaged-<n>` and keeps the newest `max_damaged_files`.
inline constexpr int max_damaged_files = 2;
Status set_damaged_aside(const std::string& path);

}  // namespace godwit
