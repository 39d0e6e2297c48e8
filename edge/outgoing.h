// Outgoing: makes the next frame to send out of rows of the buffer. Rows are merged while they fit,
// share one schema (or extend it) and are all live or all history; their boot times become wall
// times. Owner thread only; used by Uplink.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "edge/send_order.h"
#include "transport/frame.h"

namespace godwit {

struct OutgoingLimits {
  // Of one frame: bounds its size in memory while it is made, 8 bytes each.
  std::uint64_t max_values = 64U << 10;
  // Of one encoded frame: rows that do not fit are split, ticks that do not are dead letters.
  std::uint64_t max_payload_bytes = max_frame_bytes;
  // Readings older than this are history; behind history in one frame those older than half of it.
  std::int64_t history_age_ms = 30'000;
};

struct OutgoingFrame {
  std::string payload;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  SchemaId schema = 0;
  std::uint64_t ticks = 0;
  std::uint64_t rows = 0;
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

  // From the rows of `lane`, of at most `max_row_bytes` together unless the first is larger.
  // nullopt: nothing waits, or the wall time of what waits is not known yet. Rows that cannot be
  // read, have lost their schema, or whose wall time will never be known, and ticks that no frame
  // can carry, are moved to the dead letters.
  Result<std::optional<OutgoingFrame>> make(Buffer& buffer, const SendOrder::Lane& lane,
                                            std::uint64_t max_row_bytes);

  // What the relay knows to be lost. A new connection may lead to one that knows nothing.
  void set_told(std::map<std::string, std::uint64_t> lost) { told_ = std::move(lost); }

 private:
  enum class Fit : std::uint8_t { yes, no, later };
  // As make(), whatever the size of the frame, which is left in frame_.
  Result<std::optional<OutgoingFrame>> merge_rows(Buffer& buffer, const SendOrder::Lane& lane,
                                                  std::uint64_t max_row_bytes);
  // Of a row whose frame does not fit.
  Status make_smaller(Buffer& buffer, const OutgoingFrame& made) const;
  // Adds a row to frame_ if it belongs there.
  Result<Fit> add_row(Buffer& buffer, const StoredFrame& row);
  Fit resolve(const StoredFrame& row);
  void go_on_before(std::uint64_t first_seq);

  const BootClock& clock_;
  OutgoingLimits limits_;
  Witness witness_;
  Frame frame_;             // what is being made
  Frame row_;               // the row being added
  std::string_view unfit_;  // why the row can never be sent, if it cannot even be the first
  std::map<std::string, std::uint64_t> told_;
  // The last tick given out in each lane, fresh and backlog: a small step back of the offset must
  // not make times go back.
  struct Mark {
    std::uint64_t seq = 0;
    std::int64_t wall_ms = 0;
  };
  std::array<Mark, 2> marks_;
  // Of what is being made: the mark that its first row goes on from, moved with each row.
  Mark mark_;
};

}  // namespace godwit
