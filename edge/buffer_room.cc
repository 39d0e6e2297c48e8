// Buffer's last resort before its bound: old rows are merged, then thinned, then dropped
// (BUFFER.md, "When it is full"). All of it happens inside the transaction of the append that needs
// the room, a few rows at a time.
#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "edge/buffer_run.h"
#include "transport/frame_merge.h"
#include "transport/frame_thin.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Each costs under a millisecond or two on a small node, and frees more than a row brings.
constexpr int max_merges_per_append = 2;
// With those that only move a large row to the next level.
constexpr int max_steps_per_append = 32;
constexpr int max_drops_per_append = 256;
// Fewer bytes of rows as stored are not worth a merge yet.
constexpr std::uint64_t min_merge_bytes = 8192;

}  // namespace

Status Buffer::make_room(std::uint64_t bytes) {
  const std::uint64_t soft_limit = page_limit() - page_limit() / 16;
  int merges = 0;
  for (int steps = 0; steps < max_steps_per_append && merges < max_merges_per_append; ++steps) {
    const auto used = used_bytes();
    if (!used) return used.error();
    if (*used + bytes <= soft_limit) return {};
    const std::uint64_t bytes_before = stats_.bytes;
    const auto changed = merge_some();
    if (!changed) return changed.error();
    if (!*changed) break;
    if (stats_.bytes != bytes_before) ++merges;
  }
  for (int drops = 0; drops < max_drops_per_append; ++drops) {
    const auto used = used_bytes();
    if (!used) return used.error();
    if (*used + bytes <= std::max(page_limit(), over_bytes_)) return {};
    const auto dropped = drop_row("full");
    if (!dropped) return dropped.error();
    if (!*dropped) return {};
  }
  return {};
}

// The bound was lowered since the file grew: it is reached a step at a time, or the oldest rows
// would be dropped at once instead of thinned.
Status Buffer::shrink() {
  const BufferStats before = stats_;
  const auto searched_before = searched_;
  Status status = [&]() -> Status {
    SqliteTransaction transaction(db_);
    if (Status s = transaction.begin(); !s) return s;
    if (Status s = make_room(0); !s) return s;
    return transaction.commit();
  }();
  if (!status) {
    stats_ = before;
    searched_ = searched_before;
    return status;
  }
  const auto used = used_bytes();
  if (!used) return used.error();
  over_bytes_ = *used > page_limit() ? std::min(over_bytes_, *used) : 0;
  return {};
}

// One step in the place where it costs least: rows as stored are merged, which loses nothing; else
// the level that takes most is thinned into the next one, so that the backlog is the coarser the
// older it is; the oldest go when half of all is as coarse as it gets. false: nothing to gain.
Result<bool> Buffer::merge_some() {
  const auto& levels = stats_.levels;
  if (levels[0].bytes >= min_merge_bytes) {
    auto merged = merge_oldest(0);
    if (!merged || *merged) return merged;
  }
  if (levels[max_row_level].bytes > stats_.bytes / 2) return drop_row("full");
  std::vector<std::size_t> order;
  for (std::size_t level = 1; level < max_row_level; ++level) {
    if (levels[level].rows > 0) order.push_back(level);
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return levels[a].bytes > levels[b].bytes; });
  for (const std::size_t level : order) {
    auto merged = merge_oldest(level);
    if (!merged || *merged) return merged;
  }
  return false;
}

Result<Buffer::Run> Buffer::read_run(std::size_t level) {
  auto select = db_.prepare(concat("SELECT ", row_columns, ", ", sound_bytes,
                                   " FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq"));
  if (!select) return select.error();
  select->bind(std::max(searched_[level], released_));
  // Two merged rows make one that is thinned. In a small buffer rows are smaller, so that each
  // level has a few.
  const std::size_t rows = level == 0 ? 1 : 2;
  const std::uint64_t max_bytes = rows * std::max<std::uint64_t>(4096, limits_.max_bytes / 64);
  Run run;
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    run.at_end = !*more;
    if (run.at_end) return run;
    StoredFrame row = read_row(*select);
    if (row.level != level || is_pinned(row)) {
      if (run.rows > 0) return run;
      continue;
    }
    row.bytes = select->bytes(row_bytes_column);
    if (run.rows > 0 &&
        (run.bytes + row.bytes.size() > max_bytes || !join(run, row, rows * merged_values))) {
      return run;
    }
    if (run.rows == 0) {
      run.readable = decode_frame(row.bytes, run.frame).ok();
      run.first_row = row.last_seq;
      run.row = row;
    }
    ++run.rows;
    run.bytes += row.bytes.size();
  }
}

// false, and nothing changed, when `row` does not belong to the run.
bool Buffer::join(Run& run, const StoredFrame& row, std::size_t max_values) {
  Frame next;
  if (!run.readable || row.boot_id != run.row.boot_id || !decode_frame(row.bytes, next)) {
    return false;
  }
  const std::size_t width = std::max(run.frame.columns.size(), next.columns.size());
  if ((run.frame.ticks() + next.ticks()) * width > max_values ||
      !append_frame(run.frame, next, extends(row.schema, run.row.schema))) {
    return false;
  }
  run.row.last_seq = row.last_seq;
  run.row.last_boot_ms = row.last_boot_ms;
  run.row.schema = row.schema;
  run.row.ticks += row.ticks;
  return true;
}

// Makes one row of the next level out of the oldest of `level`. false: there is none, or too few.
Result<bool> Buffer::merge_oldest(std::size_t level) {
  auto run = read_run(level);
  if (!run) return run.error();
  if (run->rows == 0) {
    // Rows that were copied from another buffer may lie before the place; found the next time.
    searched_[level] = 0;
    return false;
  }
  if (level == 0 && run->at_end && run->bytes < min_merge_bytes / 2) return false;

  StoredFrame merged = std::move(run->row);
  const std::uint64_t last_row = merged.last_seq;
  const std::uint64_t ticks = merged.ticks;
  ++merged.level;
  if (run->readable) {
    if (level > 0) {
      if (Status s = thin(run->frame); !s) return s.error();
    }
    if (run->rows > 1 || run->frame.ticks() != ticks) fill_row(merged, run->frame);
  }
  auto erase = db_.prepare("DELETE FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!erase) return erase.error();
  if (Status s = erase->bind(run->first_row).bind(last_row).run(); !s) return s.error();
  const auto boot = boot_key(merged.boot_id);
  if (!boot) return boot.error();
  if (Status s = insert_row(merged, *boot); !s) return s.error();
  forget(level, {run->rows, ticks, run->bytes});
  searched_[level] = last_row;
  return true;
}

Status Buffer::split(const StoredFrame& row) {
  Frame front;
  if (Status s = decode_frame(row.bytes, front); !s) return s;
  assert(front.ticks() > 1);
  const Frame back = split_frame(front, front.ticks() / 2);
  std::vector<StoredFrame> halves(2, row);
  fill_row(halves[0], front);
  fill_row(halves[1], back);
  if (front_.replace(halves)) return {};
  const BufferStats before = stats_;
  Status status = [&]() -> Status {
    SqliteTransaction transaction(db_);
    if (Status s = transaction.begin(); !s) return s;
    auto erase = db_.prepare("DELETE FROM frames WHERE last_seq = ?");
    if (!erase) return erase.error();
    if (Status s = erase->bind(row.last_seq).run(); !s) return s;
    forget(row.level, {1, row.ticks, row.bytes.size()});
    const auto boot = boot_key(row.boot_id);
    if (!boot) return boot.error();
    for (const auto& half : halves) {
      if (Status s = insert_row(half, *boot); !s) return s;
    }
    return transaction.commit();
  }();
  if (!status) stats_ = before;
  return status;
}

Status Buffer::thin(Frame& frame) {
  const std::size_t samples = frame.samples();
  const auto gone = thin_frame(frame, lasting_series(frame.schema));
  tell_loss("thinned", gone);
  return count_dropped(gone.size(), "thinned", samples - frame.samples());
}

// Which series say what is, and not how much: those that thinning must not lose.
std::vector<bool> Buffer::lasting_series(SchemaId id) {
  std::vector<std::vector<bool>> parts;  // child first
  std::optional<SchemaId> at = id;
  while (at && parts.size() < max_schema_depth) {
    const auto stored = schema(*at);
    const auto part = stored && *stored ? decode_schema((*stored)->message)
                                        : Result<SchemaPart>(Error{ErrorCode::invalid, ""});
    if (!part) return {};
    auto& lasting = parts.emplace_back();
    for (const auto& series : part->added) {
      lasting.push_back(series.kind == Kind::info || series.kind == Kind::stateset);
    }
    at = part->parent;
  }
  std::vector<bool> all;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

}  // namespace godwit
