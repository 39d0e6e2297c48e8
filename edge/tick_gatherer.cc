#include "edge/tick_gatherer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "transport/frame_merge.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

// What may pile up in RAM while no buffer takes rows.
constexpr std::size_t max_gathered_ticks = 1000;

StoredFrame row_of(const Frame& frame, const std::string& boot_id) {
  StoredFrame row;
  row.first_seq = frame.first_seq();
  row.last_seq = frame.last_seq();
  row.boot_id = boot_id;
  row.first_boot_ms = frame.times_ms.front();
  row.last_boot_ms = frame.times_ms.back();
  row.schema = frame.schema;
  row.ticks = frame.ticks();
  row.bytes = encode_frame(frame);
  return row;
}

}  // namespace

TickGatherer::TickGatherer(std::string boot_id, TickJournal journal, SchemaBuilderOptions schemas)
    : boot_id_(std::move(boot_id)), journal_(std::move(journal)), builder_(schemas) {}

Result<std::uint64_t> TickGatherer::recover(Buffer& buffer) {
  Frame row;
  std::string row_boot;
  std::uint64_t ticks = 0;
  const auto store = [&]() -> Status {
    if (row.ticks() == 0) return {};
    Status status = buffer.append(row_of(row, row_boot));
    if (status) ticks += row.ticks();
    row = Frame{};
    return status;
  };
  for (const auto& record : journal_.is_open() ? journal_.replay() : std::vector<std::string>{}) {
    const std::size_t boot_end = record.find('\n');
    Frame tick;
    if (boot_end == std::string::npos ||
        !decode_frame(std::string_view(record).substr(boot_end + 1), tick) || tick.ticks() != 1) {
      break;
    }
    const std::string boot = record.substr(0, boot_end);
    const std::uint64_t last = row.ticks() == 0 ? buffer.last_seq() : row.last_seq();
    if (tick.stream != buffer.epoch()) {
      // Taken while the agent kept its readings in RAM.
      tick.stream = buffer.epoch();
      tick.seqs.front() = last + 1;
    }
    if (tick.first_seq() <= last) continue;
    if (boot == row_boot && row.ticks() != 0 &&
        append_frame(row, tick, buffer.extends(tick.schema, row.schema))) {
      continue;
    }
    if (Status status = store(); !status) return status.error();
    row = std::move(tick);
    row_boot = boot;
  }
  if (Status status = store(); !status) return status.error();
  journal_.reset();
  move_to(buffer);
  return ticks;
}

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
      lost_ticks_ += frame_.ticks();
      buffer.tell_loss("no_buffer", frame_.seqs);
      frame_ = Frame{};
    }
  }
  if (Status stored = store_schema(buffer, schema); !stored) outcome = std::move(stored);
  frame_.stream = stream_;
  frame_.schema = schema;
  frame_.seqs.push_back(next_seq_++);
  frame_.times_ms.push_back(boot_ms);
  place(samples, columns);
  journal_tick(frame_.ticks() - 1);
  if (frame_.ticks() > max_gathered_ticks) {
    lost_ticks_ += 1;
    buffer.tell_loss("no_buffer", {frame_.first_seq()});
    trim_frame(frame_, frame_.seqs[1]);
  }
  return outcome;
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

void TickGatherer::journal_tick(std::size_t tick) {
  if (!journal_.is_open()) return;
  Frame one;
  one.stream = frame_.stream;
  one.schema = frame_.schema;
  one.seqs = {frame_.seqs[tick]};
  one.times_ms = {frame_.times_ms[tick]};
  one.columns.reserve(frame_.columns.size());
  for (const auto& column : frame_.columns) one.columns.push_back({column[tick]});
  // Full: this tick is safe only once its row is stored, which is the next flush.
  (void)journal_.append(concat(boot_id_, "\n", encode_frame(one)));
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
  journal_.reset();
  return {};
}

}  // namespace godwit
