// StoredFrame: one row of the buffer, and sums over rows. Used by Buffer and its parts.
#pragma once

#include <cstdint>
#include <string>

#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit {

struct StoredFrame {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::string boot_id;
  std::int64_t first_boot_ms = 0;
  std::int64_t last_boot_ms = 0;
  SchemaId schema = 0;
  std::uint64_t ticks = 0;
  std::size_t level = 0;  // see below
  std::string bytes;
};

// What was done to a row when room was needed. 0: as stored. 1: merged with its neighbours. From 2
// on: thinned to about every 2nd, 4th, ... 64th tick.
inline constexpr std::size_t max_row_level = 7;
constexpr std::uint64_t keep_every(std::size_t level) {
  return level < 2 ? 1 : std::uint64_t{1} << (level - 1);
}

struct RowSums {
  std::uint64_t rows = 0;
  std::uint64_t ticks = 0;
  std::uint64_t bytes = 0;  // of the frames
};

// Fills in what `frame` tells of itself, its bytes included.
void fill_row(StoredFrame& row, const Frame& frame);

// Gives the row's ticks the seqs behind `last_seq` of another stream. false: it cannot be decoded,
// so it could not be sent either.
bool renumber_row(StoredFrame& row, std::uint64_t stream, std::uint64_t last_seq);

}  // namespace godwit
