// Thins a frame: about every second tick goes, the others stay as they are to the bit. The buffer
// does so with old readings before it drops any.
#pragma once

#include <cstdint>
#include <vector>

#include "transport/frame.h"

namespace godwit {

// Leaves ticks out and returns their seqs, ascending; none when no tick can go.
//
// Collectors with periods of their own make ticks of their own, so what stays is decided by series:
// none loses two values in a row, and one with a single value in the frame keeps it. Where series
// come and go so fast that this would spare most ticks, every second tick goes, and only series
// that are `lasting` are sure to keep a value. lasting[i] says that series i tells what is and not
// how much (info, stateset); missing entries are false.
std::vector<std::uint64_t> thin_frame(Frame& frame, const std::vector<bool>& lasting);

}  // namespace godwit
