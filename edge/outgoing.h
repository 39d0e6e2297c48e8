// Outgoing: makes the next frame to send out of the oldest rows of the buffer. Rows are merged
// while they fit, share one schema (or extend it) and are all live or all history; their boot times
// become wall times. Owner thread only; used by Uplink.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "transport/frame.h"

namespace godwit {

struct OutgoingLimits {
  // Bounds of one frame. The values bound its size in memory while it is made: 8 bytes each.
  std::uint64_t max_row_bytes = 192U << 10;
  std::uint64_t max_values = 64U << 10;
  // Readings older than this are history.
  std::int64_t history_age_ms = 30'000;
};

struct OutgoingFrame {
  std::string payload;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  SchemaId schema = 0;
  std::uint64_t ticks = 0;
  std::int64_t last_wall_ms = 0;
  bool history = false;
  std::map<std::string, std::uint64_t> lost;  // what it declares lost; empty: nothing new
};

class Outgoing {
 public:
  // Called with each frame as it will be sent.
  using Witness = std::function<void(const Frame&)>;

  Outgoing(const BootClock& clock, OutgoingLimits limits) : clock_(clock), limits_(limits) {}
  void set_witness(Witness witness) { witness_ = std::move(witness); }

  // nullopt: nothing waits, or the wall time of what waits is not known yet. Rows that cannot be
  // read and rows whose wall time will never be known are moved to the dead letters.
  Result<std::optional<OutgoingFrame>> make(Buffer& buffer);

  // What the relay knows to be lost. A new connection may lead to one that knows nothing.
  void set_told(std::map<std::string, std::uint64_t> lost) { told_ = std::move(lost); }

 private:
  enum class Fit : std::uint8_t { yes, no, later };
  // Adds a row to frame_ if it belongs there.
  Fit add_row(Buffer& buffer, const StoredFrame& row);
  Fit resolve(const StoredFrame& row);

  const BootClock& clock_;
  OutgoingLimits limits_;
  Witness witness_;
  Frame frame_;  // what is being made
  Frame row_;    // the row being added
  bool row_is_readable_ = false;
  std::map<std::string, std::uint64_t> told_;
  // The last wall time given out: a small step back of the offset must not make times go back.
  std::int64_t last_wall_ms_ = 0;
};

}  // namespace godwit
