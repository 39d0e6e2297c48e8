#include "edge/buffer.h"

#include <algorithm>
#include <cassert>
#include <random>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t format_version = 2;
constexpr std::int64_t application_id = 0x676f6477;  // "godw"
constexpr std::uint64_t check_whole_file_below = 32U << 20;
constexpr std::uint64_t max_unwritten_rows = 64;
constexpr std::string_view dropped_prefix = "dropped:";  // of keys in `state`
constexpr std::string_view dropped_samples_prefix = "dropped_samples:";
constexpr std::string_view dead_prefix = "dead:";

constexpr const char* tables = R"(
CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE frames(last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL,
  boot INTEGER NOT NULL, first_boot_ms INTEGER NOT NULL, last_boot_ms INTEGER NOT NULL,
  schema INTEGER NOT NULL, ticks INTEGER NOT NULL, bytes BLOB NOT NULL,
  level INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
  sum INTEGER GENERATED ALWAYS AS (crc32(bytes)) STORED);
CREATE INDEX row_sums ON frames(level, ticks, size);
CREATE TABLE boots(id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, offset_ms INTEGER,
  quality INTEGER NOT NULL);
CREATE TABLE schemas(id INTEGER PRIMARY KEY, parent INTEGER, message BLOB NOT NULL);
CREATE TABLE dead(last_seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, schema INTEGER NOT NULL,
  ticks INTEGER NOT NULL, bytes BLOB NOT NULL);
)";

// Format 1 had no levels, sizes and sums; its rows stay without a sum.
constexpr const char* upgrade_1 =
    "BEGIN; ALTER TABLE frames ADD COLUMN level INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE frames ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE frames ADD COLUMN sum INTEGER;"
    "UPDATE frames SET size = length(bytes); CREATE INDEX row_sums ON frames(level, ticks, size);"
    "PRAGMA user_version=2; COMMIT";

// Of the WAL, before it is moved into the file. The file's own bound leaves room for twice that.
std::uint64_t wal_pages(const BufferLimits& limits) {
  return std::clamp<std::uint64_t>(limits.max_bytes / 4096 / 16, 16, 512);
}

std::uint64_t random_epoch() {
  std::random_device device;
  std::uint64_t epoch = 0;
  while (epoch == 0) epoch = static_cast<std::uint64_t>(device()) << 32 | device();
  return epoch;
}

}  // namespace

Result<Buffer> Buffer::open(const std::string& path, const BufferLimits& limits) {
  auto db = Sqlite::open(path, Sqlite::Mode::create);
  if (!db) return db.error().with_prefix(path);
  auto buffer = prepare(std::move(*db), path, limits, false);
  if (!buffer) return buffer.error().with_prefix(path);
  if (Status s = buffer->recover(); !s) return s.error().with_prefix(path);
  return buffer;
}

Result<Buffer> Buffer::open_in_memory(const BufferLimits& limits) {
  auto db = Sqlite::open(":memory:", Sqlite::Mode::create);
  if (!db) return db.error();
  return prepare(std::move(*db), "memory", limits, true);
}

Result<Buffer> Buffer::open_read_only(const std::string& path) {
  auto db = Sqlite::open(path, Sqlite::Mode::read_only);
  if (!db) return db.error().with_prefix(path);
  Buffer buffer(std::move(*db), path, {}, false);
  const auto version = buffer.db_.query_integer("PRAGMA user_version");
  if (!version) return version.error().with_prefix(path);
  if (*version != format_version) {
    return Error{ErrorCode::invalid, concat(path, ": no buffer of this version of godwit-agent")};
  }
  if (Status status = buffer.load(); !status) return status.error().with_prefix(path);
  if (auto found = BufferFront::read_journal(journal_path(path))) {
    buffer.released_ = std::max(buffer.released_, found->released[buffer.epoch_]);
    for (const auto& [stream, row] : found->rows) {
      if (stream == buffer.epoch_ && row.last_seq > buffer.last_seq_) buffer.front_.append(row);
    }
    if (!buffer.front_.rows().empty()) {
      buffer.last_seq_ = buffer.front_.rows().back().frame.last_seq;
    }
  }
  return buffer;
}

Result<Buffer> Buffer::prepare(Sqlite db, std::string path, const BufferLimits& limits,
                               bool in_memory) {
  Buffer buffer(std::move(db), std::move(path), limits, in_memory);
  Status status = buffer.db_.execute(
      concat("PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
             "PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=",
             wal_pages(limits), "; PRAGMA journal_size_limit=", wal_pages(limits) * 8192));
  if (!status) return status.error();
  const auto version = buffer.db_.query_integer("PRAGMA user_version");
  if (!version) return version.error();
  if (*version > format_version) {
    return Error{ErrorCode::invalid, concat("written by a newer godwit-agent (buffer format ",
                                            *version, ", this one knows ", format_version,
                                            "); install that version again or move the file away")};
  }
  if (*version == 0) status = buffer.create_tables();
  if (*version == 1) status = buffer.db_.execute(upgrade_1);
  if (!status) return status.error();
  if (status = buffer.load(); !status) return status.error();
  return buffer;
}

Status Buffer::create_tables() {
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  // A database of something else is not ours to change.
  const auto foreign = db_.query_integer("SELECT count(*) FROM sqlite_master");
  if (!foreign) return foreign.error();
  if (*foreign != 0) return Error{ErrorCode::corrupt, "holds tables that are not Godwit's"};
  if (Status status = db_.execute(concat(tables, "PRAGMA application_id=", application_id,
                                         ";PRAGMA user_version=", format_version));
      !status) {
    return status;
  }
  if (Status status = set_state("epoch", random_epoch()); !status) return status;
  return transaction.commit();
}

Status Buffer::load() {
  const auto pages = used_bytes();
  if (!pages) return pages.error();
  if (*pages <= check_whole_file_below) {
    auto check = db_.prepare("PRAGMA quick_check(1)");
    if (!check) return check.error();
    const auto row = check->step();
    if (!row) return row.error();
    if (check->bytes(0) != "ok") {
      return Error{ErrorCode::corrupt, concat("SQLite: ", check->bytes(0))};
    }
  }
  auto state = db_.prepare("SELECT key, value FROM state");
  if (!state) return state.error();
  for (;;) {
    const auto more = state->step();
    if (!more) return more.error();
    if (!*more) break;
    const std::string_view key = state->bytes(0);
    const std::uint64_t value = state->number(1);
    if (key == "epoch") epoch_ = value;
    if (key == "last_seq") last_seq_ = value;
    if (key == "reserved") reserved_ = value;
    if (key == "released") released_ = deleted_ = value;
    if (key.starts_with(dropped_prefix)) {
      stats_.lost[std::string(key.substr(dropped_prefix.size()))].ticks = value;
    }
    if (key.starts_with(dropped_samples_prefix)) {
      stats_.lost[std::string(key.substr(dropped_samples_prefix.size()))].samples = value;
    }
    if (key.starts_with(dead_prefix)) {
      stats_.dead_by_reason[std::string(key.substr(dead_prefix.size()))] = value;
      stats_.dead_ticks += value;
    }
  }
  if (epoch_ == 0) return Error{ErrorCode::corrupt, "has no stream id"};
  // Out of the index alone: a file of many rows is opened as fast as one of few.
  auto rows = db_.prepare(
      "SELECT level, count(*), total(ticks), total(size), max(last_seq) FROM frames INDEXED BY "
      "row_sums GROUP BY level");
  if (!rows) return rows.error();
  for (;;) {
    const auto more = rows->step();
    if (!more) return more.error();
    if (!*more) return {};
    const std::size_t level = std::min<std::uint64_t>(rows->number(0), max_row_level);
    add(level, {rows->number(1), rows->number(2), rows->number(3)});
    last_seq_ = std::max(last_seq_, rows->number(4));
    // What is thinned more is older.
    for (std::size_t l = 0; l < level; ++l) searched_[l] = std::max(searched_[l], rows->number(4));
  }
}

Result<std::uint64_t> Buffer::used_bytes() {
  const auto pages = db_.query_integer("PRAGMA page_count");
  if (!pages) return pages.error();
  const auto unused = db_.query_integer("PRAGMA freelist_count");
  if (!unused) return unused.error();
  return static_cast<std::uint64_t>(*pages - *unused) * 4096;
}

std::uint64_t Buffer::page_limit() const {
  const std::uint64_t wal = in_memory_ ? 0 : 2 * wal_pages(limits_) * 4096;
  return limits_.max_bytes - std::min(limits_.max_bytes / 2, wal);
}

void Buffer::add(std::size_t level, const RowSums& sums) {
  for (RowSums* const to : {static_cast<RowSums*>(&stats_), &stats_.levels[level]}) {
    to->rows += sums.rows;
    to->ticks += sums.ticks;
    to->bytes += sums.bytes;
  }
}

void Buffer::forget(std::size_t level, const RowSums& sums) {
  for (RowSums* const from : {static_cast<RowSums*>(&stats_), &stats_.levels[level]}) {
    from->rows -= std::min(sums.rows, from->rows);
    from->ticks -= std::min(sums.ticks, from->ticks);
    from->bytes -= std::min(sums.bytes, from->bytes);
  }
}

Status Buffer::delete_released() {
  if (deleted_ == released_) return {};
  auto statement = db_.prepare("DELETE FROM frames WHERE last_seq <= ?");
  if (!statement) return statement.error();
  return statement->bind(released_).run();
}

Status Buffer::insert_row(const StoredFrame& row, std::int64_t boot) {
  auto insert = db_.prepare(
      "INSERT INTO frames(last_seq, first_seq, boot, first_boot_ms, last_boot_ms, schema, ticks, "
      "bytes, level, size) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(row.last_seq).bind(row.first_seq).bind(boot).bind(row.first_boot_ms);
  insert->bind(row.last_boot_ms).bind(row.schema).bind(row.ticks).bind_blob(row.bytes);
  insert->bind(static_cast<std::uint64_t>(row.level)).bind(row.bytes.size());
  if (Status status = insert->run(); !status) return status;
  add(row.level, {1, row.ticks, row.bytes.size()});
  return {};
}

Status Buffer::release(std::uint64_t seq) {
  if (seq <= released_) return {};
  (void)front_.release(seq);
  const auto gone = sums("last_seq > ? AND last_seq <= ?", released_, seq);
  if (!gone) return gone.error();
  released_ = std::min(seq, last_seq_);
  for (std::size_t level = 0; level < gone->size(); ++level) {
    unwritten_rows_ += (*gone)[level].rows;
    forget(level, (*gone)[level]);
  }
  // A file that nothing waits in is emptied at once: no further row may ever come to it.
  const bool is_due = unwritten_rows_ >= max_unwritten_rows || stats_.rows == 0;
  return unwritten_rows_ > 0 && is_due ? delete_lasting() : Status{};
}

Status Buffer::delete_lasting() {
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  if (Status status = delete_released(); !status) return status;
  // With its rows gone nothing else in the file remembers where the stream is.
  if (Status status = set_state("last_seq", filed_seq()); !status) return status;
  if (Status status = set_state("released", released_); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  deleted_ = released_;
  unwritten_rows_ = 0;
  return {};
}

Status Buffer::flush() {
  if (Status s = spill(); !s) return s;
  if (limits_.durability == Durability::spare_flash) {
    // This process used none of what it reserved beyond here.
    if (Status s = set_state("reserved", last_seq_); !s) return s;
    reserved_ = last_seq_;
  }
  return delete_lasting();
}

}  // namespace godwit
