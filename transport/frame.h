// Frame: the readings of some consecutive ticks, by column. What the buffer stores and what
// `…/up` carries. Grammar and worked examples: FRAME.md.
//
// A tick is one moment of one node; its seq counts ticks of one stream without reuse. A stream is
// one buffer's life (its epoch). Column i holds the values of series i of the schema, one per tick.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

// "No sample at this tick". A quiet NaN with a payload of its own, so that it is neither a NaN that
// arithmetic makes nor Prometheus' staleness marker (metric.h).
inline constexpr std::uint64_t absent_bits = 0x7ff8'676f'6477'6974;  // "godwit"
inline constexpr double absent = std::bit_cast<double>(absent_bits);
inline bool is_absent(double value) { return std::bit_cast<std::uint64_t>(value) == absent_bits; }

struct Frame {
  std::uint64_t stream = 0;
  SchemaId schema = 0;
  // True for readings that were held back (backlog) and are no present state.
  bool history = false;
  // About one of so many ticks was kept; the others are lost.
  std::uint64_t keep_every = 1;
  // Ticks of the stream that will never come, by reason, since it began. Only in frames that tell
  // something new; empty in others.
  std::map<std::string, std::uint64_t> lost{};
  // One per tick, strictly increasing. Gaps are allowed (ticks thinned or dropped).
  std::vector<std::uint64_t> seqs;
  // One per tick, not decreasing. Milliseconds since 1970 UTC on the wire; CLOCK_BOOTTIME
  // milliseconds while a frame lies in the buffer and its wall time is not resolved yet.
  std::vector<std::int64_t> times_ms;
  // columns[i][t]: value of series i at tick t, or `absent`. Each has times_ms.size() values.
  // Trailing columns of the schema that have no value in the frame may be left out.
  std::vector<std::vector<double>> columns;

  [[nodiscard]] std::size_t ticks() const { return times_ms.size(); }
  [[nodiscard]] std::uint64_t first_seq() const { return seqs.front(); }
  [[nodiscard]] std::uint64_t last_seq() const { return seqs.back(); }
  // Values that are not absent.
  [[nodiscard]] std::size_t samples() const;

  bool operator==(const Frame&) const = delete;  // NaN: compare bits, not values
};

// Limits of what a decoder accepts, checked before it allocates.
inline constexpr std::size_t max_frame_bytes = 1U << 20;           // as received
inline constexpr std::size_t max_frame_unpacked_bytes = 8U << 20;  // after decompression
inline constexpr std::size_t max_frame_ticks = 100'000;
inline constexpr std::size_t max_frame_values = 4U << 20;  // ticks × columns

inline constexpr std::size_t max_loss_reasons = 16;
inline constexpr std::size_t max_loss_reason_bytes = 32;  // of [a-z0-9_]
inline constexpr std::uint64_t max_keep_every = 1U << 20;

// Exact: every double, any NaN pattern but `absent` included, comes back bit for bit. The frame
// must hold at least one tick and keep its invariants (assert).
std::string encode_frame(const Frame& frame);

// Decodes into `frame`, reusing its memory; on failure `frame` holds nothing of use. Any input
// ends in a value or an Error. Not checked here: that the schema is known and wide enough.
Status decode_frame(std::string_view payload, Frame& frame);

}  // namespace godwit
