#include "edge/outgoing.h"

#include <algorithm>
#include <utility>

#include "transport/frame_merge.h"
#include "transport/log.h"

namespace godwit {
namespace {

// Offsets differ by up to 2 s between sources for one moment; beyond that the earlier times were
// wrong, and repeating them would be wrong too.
constexpr std::int64_t smoothed_step_ms = 2000;

}  // namespace

Result<std::optional<OutgoingFrame>> Outgoing::make(Buffer& buffer, const SendOrder::Lane& lane,
                                                    std::uint64_t max_row_bytes) {
  max_row_bytes = std::min(max_row_bytes, limits_.max_payload_bytes);
  for (;;) {
    auto made = merge_rows(buffer, lane, max_row_bytes);
    if (!made || !*made) return made;
    const OutgoingFrame& out = **made;
    if (out.payload.size() <= limits_.max_payload_bytes) {
      marks_[lane.fresh ? 1 : 0] = {out.last_seq, mark_.wall_ms};
      if (witness_) witness_(frame_);
      frame_ = Frame{};
      row_ = Frame{};
      return made;
    }
    if (out.rows > 1) {
      max_row_bytes /= 2;
    } else if (Status s = make_smaller(buffer, out); !s) {
      return s.error();
    }
  }
}

Status Outgoing::make_smaller(Buffer& buffer, const OutgoingFrame& made) const {
  if (made.ticks > 1) {
    const auto row = buffer.peek(made.last_seq - 1, 0, 0);
    return row ? buffer.split(row->front()) : Status(row.error());
  }
  log::warning("uplink", "the readings of a moment are too large for the way to the relay",
               {{"bytes", made.payload.size()},
                {"most", limits_.max_payload_bytes},
                {"samples", frame_.samples()},
                {"seq", made.last_seq}});
  return buffer.reject(made.first_seq, made.last_seq, "too_large");
}

Result<std::optional<OutgoingFrame>> Outgoing::merge_rows(Buffer& buffer,
                                                          const SendOrder::Lane& lane,
                                                          std::uint64_t max_row_bytes) {
  const auto rows = buffer.peek(lane.after, max_row_bytes, limits_.max_values);
  if (!rows) return rows.error();
  frame_ = Frame{};
  OutgoingFrame out;
  for (const auto& row : *rows) {
    if (row.last_seq > lane.until) break;
    const bool is_first = frame_.ticks() == 0;
    if (is_first) go_on_before(row.first_seq);
    const auto fit = add_row(buffer, row);
    if (!fit) return fit.error();
    if (*fit == Fit::yes) {
      if (is_first) out.first_seq = row.first_seq;
      out.last_seq = row.last_seq;
      ++out.rows;
      continue;
    }
    if (!is_first || *fit == Fit::later) break;
    // A head that never fits would block everything behind it.
    log::warning("uplink", "stored readings cannot be sent",
                 {{"reason", unfit_}, {"ticks", row.ticks}, {"first_seq", row.first_seq}});
    if (Status s = buffer.reject(row.first_seq, row.last_seq, unfit_); !s) return s.error();
  }
  if (frame_.ticks() == 0) return std::optional<OutgoingFrame>{};
  auto lost = buffer.stats().lost_by_reason();
  if (lost != told_) frame_.lost = out.lost = std::move(lost);
  out.payload = encode_frame(frame_);
  out.schema = frame_.schema;
  out.ticks = frame_.ticks();
  out.history = frame_.history;
  out.last_wall_ms = frame_.times_ms.back();
  return std::optional(std::move(out));
}

// Times go on from the tick that was given out last before this one, in whichever lane.
void Outgoing::go_on_before(std::uint64_t first_seq) {
  mark_ = {};
  for (const Mark& mark : marks_) {
    if (mark.seq < first_seq && mark.seq >= mark_.seq) mark_ = mark;
  }
}

Result<Outgoing::Fit> Outgoing::add_row(Buffer& buffer, const StoredFrame& row) {
  unfit_ = "unreadable";
  const Status decoded = decode_frame(row.bytes, row_);
  if (!decoded || row_.ticks() == 0) return Fit::no;
  if (row_.schema != frame_.schema || frame_.ticks() == 0) {
    // Every relay would ask for the schema without end.
    unfit_ = "no_schema";
    const auto known = buffer.has_schema(row_.schema);
    if (!known) return known.error();
    if (!*known) return Fit::no;
  }
  unfit_ = "undatable";
  row_.stream = buffer.epoch();
  row_.keep_every = keep_every(row.level);
  const bool is_first = frame_.ticks() == 0;
  const std::uint64_t width = std::max(frame_.columns.size(), row_.columns.size());
  if (!is_first && (frame_.ticks() + row_.ticks()) * width > limits_.max_values) return Fit::no;
  const std::int64_t last_wall_before = mark_.wall_ms;
  if (const Fit fit = resolve(row); fit != Fit::yes) return fit;
  // Behind history the bound is nearer: where a round trip takes as long as a row, a backlog would
  // else be stuck at the bound, one row a frame.
  const std::int64_t history_ms =
      !is_first && frame_.history ? limits_.history_age_ms / 2 : limits_.history_age_ms;
  row_.history = clock_.wall_now().value_or(INT64_MAX) - row_.times_ms.back() > history_ms;
  if (is_first) {
    frame_ = std::move(row_);
    return Fit::yes;
  }
  if (append_frame(frame_, row_, buffer.extends(row_.schema, frame_.schema))) return Fit::yes;
  mark_.wall_ms = last_wall_before;
  return Fit::no;
}

Outgoing::Fit Outgoing::resolve(const StoredFrame& row) {
  // The present boot's time may still come, and shows whether an earlier one's can be right. What
  // is unknown of an earlier boot stays unknown.
  if (!clock_.wall_now()) return Fit::later;
  const auto last_wall_ms = clock_.wall_ms(row.boot_id, row.last_boot_ms);
  if (!last_wall_ms) return Fit::no;
  for (auto& time : row_.times_ms) {
    time += *last_wall_ms - row.last_boot_ms;
    if (time < mark_.wall_ms && mark_.wall_ms - time <= smoothed_step_ms) time = mark_.wall_ms + 1;
    mark_.wall_ms = time;
  }
  return Fit::yes;
}

}  // namespace godwit
