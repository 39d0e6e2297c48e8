// Frames for tests: random ones with every kind of column, and a comparison of bits.
#pragma once

#include <random>

#include "transport/frame.h"

namespace godwit::test {

// Ticks, gaps, intervals and columns of all forms, decided by `random`.
Frame random_frame(std::mt19937_64& random, std::size_t max_ticks = 40,
                   std::size_t max_columns = 30);

// Every field and every bit of every value. Trailing columns without a value do not count.
bool same_bits(const Frame& a, const Frame& b);

}  // namespace godwit::test
