// Formula: how a series of a name set gets its values from the columns of canonical series. Worked
// out once per schema by name_plan.h, evaluated per tick.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "transport/frame.h"

namespace godwit {

// A row of a name set says one of these. a: the columns of `metric`; b: those of `other`. Absent
// where not said otherwise: a tick at which what it needs has no sample.
enum class How : std::uint8_t {
  copy,           // the first of a that has a sample
  sum,            // of a
  mean,           // of a
  largest,        // of a
  count,          // how many of a have a sample
  zero,           // 0 where any of a has a sample
  code,           // the hexadecimal label `code` as a number, where a is 1
  ratio,          // sum of a / sum of b
  difference,     // sum of a - sum of b
  whole_or_zero,  // copy, rounded up; 0 where any of b has a sample, whatever labels they have
  days,           // difference as seconds: whole days,
  hours,          // hours of the day (0-23),
  minutes,        // minutes of the hour (0-59)
};

// Whether b is needed.
bool has_other(How how);

// Which ticks a series of a live info (name_set.h) has samples in: while the last of `columns` has
// one and none before it (`held`), or while none of them has. Without columns: always.
struct Holders {
  std::vector<std::uint32_t> columns{};
  bool held = false;
};

struct Formula {
  How how = How::copy;
  double scale = 1;
  // Columns: a before `others_at`, b from there on.
  std::vector<std::uint32_t> inputs;
  std::uint32_t others_at = 0;
  Holders holders{};
};

// `value(column)` may be asked for any input. The staleness marker goes through where every input
// that there is has it, and else counts as absent.
double evaluate(const Formula& formula, const std::function<double(std::uint32_t)>& value);

// Adds one column per formula behind the `width` columns of the frame's schema. Columns that have
// no sample may be empty afterwards; so are those beyond max_frame_values values in all. Where
// another holder takes a series' place it gets the staleness marker, once in a frame: the one
// before may have ended with its samples.
void append_columns(const std::vector<Formula>& formulas, std::size_t width, Frame& frame);

}  // namespace godwit
