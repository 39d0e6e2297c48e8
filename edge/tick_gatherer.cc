#include "edge/tick_gatherer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "transport/frame_merge.h"

namespace godwit {
namespace {

// What may pile up in RAM while no buffer takes rows.
constexpr std::size_t max_gathered_ticks = 1000;

StoredFrame row_of(const Frame& frame, const std::string& boot_id) {
  StoredFrame row;
  row.boot_id = boot_id;
  fill_row(row, frame);
  return row;
}

// The ticks of `frame` behind `seq`.
Frame ticks_behind(const Frame& frame, std::uint64_t seq) {
  const auto first = std::upper_bound(frame.seqs.begin(), frame.seqs.end(), seq);
  const auto skip = first - frame.seqs.begin();
  Frame part;
  part.stream = frame.stream;
  part.schema = frame.schema;
  part.seqs.assign(first, frame.seqs.end());
  part.times_ms.assign(frame.times_ms.begin() + skip, frame.times_ms.end());
  part.columns.reserve(frame.columns.size());
  for (const auto& column : frame.columns) {
    part.columns.emplace_back(column.begin() + skip, column.end());
  }
  return part;
}

}  // namespace

void TickGatherer::move_to(const Buffer& buffer) {
  stored_schema_.reset();
  stream_ = frame_.stream = buffer.epoch();
  next_seq_ = buffer.last_seq() + 1;
  for (auto& seq : frame_.seqs) seq = next_seq_++;
}

Status TickGatherer::add(const std::vector<Sample>& samples, std::int64_t boot_ms, Buffer& buffer) {
  assert(!samples.empty());
  Status outcome;
  const auto& columns = builder_.place(samples, boot_ms);
  const SchemaId schema = *builder_.current();
  if (frame_.ticks() != 0) {
    const bool fits = builder_.continues(schema, frame_.schema) &&
                      frame_.ticks() * builder_.width() < max_frame_values / 2;
    // Times of a frame never decrease; a slow collector's reading may be a moment older.
    boot_ms = std::max(boot_ms, frame_.times_ms.back());
    if (!fits) outcome = flush(buffer);
    if (!outcome && !fits) {
      // No buffer takes it and it cannot grow: its ticks are lost, the new one is not.
      give_up(frame_.ticks(), buffer);
      frame_ = Frame{};
    }
  }
  if (Status stored = store_schema(buffer, schema); !stored) outcome = std::move(stored);
  frame_.stream = stream_;
  frame_.schema = schema;
  frame_.seqs.push_back(next_seq_++);
  frame_.times_ms.push_back(boot_ms);
  place(samples, columns);
  if (Status held = buffer.hold(row_of(ticks_behind(frame_, buffer.settled_seq()), boot_id_));
      !held) {
    outcome = std::move(held);
  }
  if (frame_.ticks() > max_gathered_ticks) {
    give_up(1, buffer);
    trim_frame(frame_, frame_.seqs[1]);
  }
  return outcome;
}

// The first of what is gathered: to be counted by the next buffer that works.
void TickGatherer::give_up(std::size_t ticks, const Buffer& buffer) {
  const auto end = static_cast<std::ptrdiff_t>(ticks);
  buffer.tell_loss("no_buffer", {frame_.seqs.begin(), frame_.seqs.begin() + end});
  lost_.ticks += ticks;
  for (const auto& column : frame_.columns) {
    lost_.samples += static_cast<std::uint64_t>(std::count_if(
        column.begin(), column.begin() + end, [](double v) { return !is_absent(v); }));
  }
}

void TickGatherer::place(const std::vector<Sample>& samples,
                         const std::vector<std::size_t>& columns) {
  const std::size_t ticks = frame_.ticks();
  frame_.columns.resize(std::max(frame_.columns.size(), builder_.width()));
  for (auto& column : frame_.columns) column.resize(ticks, absent);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (columns[i] != SchemaBuilder::no_column) {
      frame_.columns[columns[i]].back() = samples[i].value;
    }
  }
}

Status TickGatherer::store_schema(Buffer& buffer, SchemaId id) {
  if (stored_schema_ == id) return {};
  for (const auto& [part_id, message] : builder_.messages(id)) {
    const auto part = decode_schema(message);
    if (!part) return part.error();
    if (Status s = buffer.put_schema(part_id, part->parent, message); !s) return s;
  }
  stored_schema_ = id;
  return {};
}

Status TickGatherer::flush(Buffer& buffer) {
  if (frame_.ticks() == 0) return {};
  if (Status status = store_schema(buffer, frame_.schema); !status) return status;
  if (Status status = buffer.append(row_of(frame_, boot_id_)); !status) return status;
  frame_ = Frame{};
  const LossCount lost = std::exchange(lost_, {});
  Status counted = buffer.count_dropped(lost.ticks, "no_buffer", lost.samples);
  if (!counted) lost_ = lost;
  return counted;
}

}  // namespace godwit
