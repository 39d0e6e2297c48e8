// What Buffer reads and keeps beside the changes of its queue: rows, sums, boots, state.
#include <algorithm>
#include <cassert>
#include <utility>

#include "edge/buffer.h"
#include "edge/sqlite_usage.h"
#include "transport/text.h"

namespace godwit {

StoredFrame Buffer::read_row(const SqliteStatement& row) {
  StoredFrame frame;
  frame.last_seq = row.number(0);
  frame.first_seq = row.number(1);
  frame.boot_id = row.bytes(2);
  frame.first_boot_ms = row.integer(3);
  frame.last_boot_ms = row.integer(4);
  frame.schema = row.number(5);
  frame.ticks = row.number(6);
  frame.level = std::min<std::uint64_t>(row.number(7), max_row_level);
  return frame;
}

Result<std::vector<StoredFrame>> Buffer::peek(std::uint64_t after, std::uint64_t max_bytes,
                                              std::uint64_t max_ticks) {
  std::vector<StoredFrame> rows;
  std::uint64_t bytes = 0;
  std::uint64_t ticks = 0;
  const auto has_room_for = [&](const StoredFrame& row) {
    bytes += row.bytes.size();
    ticks += row.ticks;
    return rows.empty() || (bytes <= max_bytes && ticks <= max_ticks);
  };
  auto select = db_.prepare(concat("SELECT ", row_columns, ", ", sound_bytes,
                                   " FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq"));
  if (!select) return select.error();
  select->bind(std::max(after, released_));
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) break;
    StoredFrame row = read_row(*select);
    row.bytes = select->bytes(row_bytes_column);
    if (!has_room_for(row)) return rows;
    rows.push_back(std::move(row));
  }
  for (const auto& [row, place] : front_.rows()) {
    if (row.last_seq <= after) continue;
    if (!has_room_for(row)) return rows;
    rows.push_back(row);
  }
  return rows;
}

Result<std::optional<StoredFrame>> Buffer::oldest() {
  auto select = db_.prepare(concat("SELECT ", row_columns,
                                   " FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq LIMIT 1"));
  if (!select) return select.error();
  const auto row = select->bind(released_).step();
  if (!row) return row.error();
  if (*row) return std::optional(read_row(*select));
  if (front_.rows().empty()) return std::optional<StoredFrame>{};
  return std::optional(front_.rows().front().frame);
}

Result<std::optional<StoredFrame>> Buffer::newest() {
  if (!front_.rows().empty()) return std::optional(front_.rows().back().frame);
  auto select = db_.prepare(concat("SELECT ", row_columns,
                                   ", f.bytes FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq DESC LIMIT 1"));
  if (!select) return select.error();
  const auto row = select->bind(released_).step();
  if (!row) return row.error();
  if (!*row) return std::optional<StoredFrame>{};
  StoredFrame frame = read_row(*select);
  frame.bytes = select->bytes(row_bytes_column);
  return std::optional(std::move(frame));
}

Result<Buffer::Levels> Buffer::sums(std::string_view where, std::uint64_t first,
                                    std::uint64_t last) {
  auto select =
      db_.prepare(concat("SELECT level, count(*), total(ticks), total(size) FROM frames WHERE ",
                         where, " GROUP BY level"));
  if (!select) return select.error();
  select->bind(first).bind(last);
  Levels found{};
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) return found;
    const std::size_t level = std::min<std::uint64_t>(select->number(0), max_row_level);
    found[level] = {select->number(1), select->number(2), select->number(3)};
  }
}

Status Buffer::set_state(std::string_view key, std::uint64_t value) {
  auto statement = db_.prepare("INSERT OR REPLACE INTO state(key, value) VALUES(?, ?)");
  if (!statement) return statement.error();
  return statement->bind_text(key).bind(value).run();
}

Status Buffer::follow(Buffer& other) {
  assert(stats_.rows == 0 && last_seq_ == 0);
  epoch_ = other.epoch_;
  last_seq_ = released_ = deleted_ = other.last_seq_;
  const auto known = other.boots();
  if (!known) return known.error();
  for (const auto& boot : *known) {
    if (Status s = put_boot(boot); !s) return s;
  }
  return {};
}

Status Buffer::release_ranges(const std::vector<SeqRange>& ranges) {
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  std::vector<Levels> gone;
  for (const auto& [first, last] : ranges) {
    // A row that was merged across the end of a range holds ticks that nobody has yet.
    constexpr std::string_view within = "first_seq >= ? AND last_seq <= ?";
    const std::uint64_t from = std::max(first, released_ + 1);
    front_.release_within(from, last);
    const auto found = sums(within, from, last);
    if (!found) return found.error();
    gone.push_back(*found);
    auto erase = db_.prepare(concat("DELETE FROM frames WHERE ", within));
    if (!erase) return erase.error();
    if (Status status = erase->bind(from).bind(last).run(); !status) return status;
  }
  if (Status status = set_state("last_seq", filed_seq()); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  for (const Levels& levels : gone) {
    for (std::size_t level = 0; level < levels.size(); ++level) forget(level, levels[level]);
  }
  return {};
}

Status Buffer::put_boot(const BootRecord& boot) {
  // Only the file says which boots are needed.
  const auto& rows = front_.rows();
  if (!rows.empty() && rows.front().frame.boot_id != boot.boot_id) {
    if (Status s = spill(); !s) return s;
  }
  auto upsert = db_.prepare(
      "INSERT INTO boots(boot_id, offset_ms, quality) VALUES(?, ?, ?) ON CONFLICT(boot_id) "
      "DO UPDATE SET offset_ms = excluded.offset_ms, quality = excluded.quality");
  if (!upsert) return upsert.error();
  upsert->bind_text(boot.boot_id);
  if (boot.offset_ms) {
    upsert->bind(*boot.offset_ms);
  } else {
    upsert->bind_null();
  }
  if (Status s = upsert->bind(static_cast<std::int64_t>(boot.quality)).run(); !s) return s;
  // Boots that no row needs any more would pile up, one per restart of the machine.
  return db_.execute(
      "DELETE FROM boots WHERE id NOT IN (SELECT boot FROM frames) AND id NOT IN (SELECT id FROM "
      "boots ORDER BY id DESC LIMIT 8)");
}

Result<std::vector<BootRecord>> Buffer::boots() {
  auto select = db_.prepare("SELECT boot_id, offset_ms, quality FROM boots ORDER BY id");
  if (!select) return select.error();
  std::vector<BootRecord> found;
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) return found;
    BootRecord boot;
    boot.boot_id = select->bytes(0);
    if (!select->is_null(1)) boot.offset_ms = select->integer(1);
    boot.quality = static_cast<int>(select->integer(2));
    found.push_back(std::move(boot));
  }
}

Result<std::int64_t> Buffer::boot_key(const std::string& boot_id) {
  auto insert = db_.prepare("INSERT OR IGNORE INTO boots(boot_id, quality) VALUES(?, 0)");
  if (!insert) return insert.error();
  if (Status status = insert->bind_text(boot_id).run(); !status) return status.error();
  auto select = db_.prepare("SELECT id FROM boots WHERE boot_id = ?");
  if (!select) return select.error();
  const auto row = select->bind_text(boot_id).step();
  if (!row) return row.error();
  return select->integer(0);
}

BufferStats Buffer::stats() {
  BufferStats all = stats_;
  if (const auto used = used_bytes()) all.file_bytes = *used;
  all.syncs = sqlite_usage().syncs + front_.journal_syncs();
  for (const auto& [row, place] : front_.rows()) {
    for (RowSums* const to : {static_cast<RowSums*>(&all), &all.levels[row.level]}) {
      to->rows += 1;
      to->ticks += row.ticks;
      to->bytes += row.bytes.size();
    }
  }
  return all;
}

}  // namespace godwit
