// Buffer::Run: neighbours of one level, boot and schema chain, on their way to be one row. For
// buffer_room.cc and buffer_spill.cc.
#pragma once

#include "edge/buffer.h"
#include "transport/frame.h"

namespace godwit {

// Values of a merged row: as many ticks of 150 series as compress well and fit one page or two.
inline constexpr std::size_t merged_values = 8192;

struct Buffer::Run {
  Frame frame;
  StoredFrame row;              // all of them as one; `bytes` are the first one's
  std::uint64_t first_row = 0;  // its last_seq
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  bool readable = true;
  bool at_end = false;  // no row came behind
};

}  // namespace godwit
