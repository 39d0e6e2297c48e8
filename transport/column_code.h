// How a frame writes down one column (FRAME.md, "Columns"). Internal to frame.cc and
// frame_decode.cc.
#pragma once

#include <cstdint>

namespace godwit::column_code {

// A column's byte is form << 4 | scale, and its values are integers / 10^scale. The forms:
inline constexpr unsigned deltas = 0;    // first integer, then the difference of each to the last
inline constexpr unsigned constant = 1;  // one integer for all
inline constexpr unsigned slopes = 2;    // first integer, first difference, differences of those
inline constexpr unsigned floats = 3;    // scale 0: a float 64 each; scale 1: one for all
inline constexpr unsigned none = 4;      // scale 0: no value in this frame

// Every integer of a frame, and every integer that a reader has to form, stays within ±2^53, so
// that languages whose numbers are doubles read it without loss.
inline constexpr std::int64_t max_integer = std::int64_t{1} << 53;

// Powers that a double holds exactly.
inline constexpr double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
inline constexpr unsigned max_scale = 15;

}  // namespace godwit::column_code
