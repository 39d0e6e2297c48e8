#include "edge/buffer.h"

#include <algorithm>
#include <cassert>
#include <random>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::int64_t application_id = 0x676f6477;  // "godw"
constexpr std::uint64_t check_whole_file_below = 32U << 20;
constexpr std::uint64_t max_unwritten_rows = 256;
constexpr std::string_view dropped_prefix = "dropped:";  // of keys in `state`
constexpr std::string_view dead_prefix = "dead:";

constexpr const char* tables = R"(
CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE frames(last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL,
  boot INTEGER NOT NULL, first_boot_ms INTEGER NOT NULL, last_boot_ms INTEGER NOT NULL,
  schema INTEGER NOT NULL, ticks INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE boots(id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, offset_ms INTEGER,
  quality INTEGER NOT NULL);
CREATE TABLE schemas(id INTEGER PRIMARY KEY, parent INTEGER, message BLOB NOT NULL);
CREATE TABLE dead(last_seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, schema INTEGER NOT NULL,
  ticks INTEGER NOT NULL, bytes BLOB NOT NULL);
)";

constexpr std::string_view row_columns =
    "f.last_seq, f.first_seq, b.boot_id, f.first_boot_ms, f.last_boot_ms, f.schema, f.ticks";

std::uint64_t random_epoch() {
  std::random_device device;
  std::uint64_t epoch = 0;
  while (epoch == 0) epoch = static_cast<std::uint64_t>(device()) << 32 | device();
  return epoch;
}

StoredFrame read_row(const SqliteStatement& row) {
  StoredFrame frame;
  frame.last_seq = row.number(0);
  frame.first_seq = row.number(1);
  frame.boot_id = row.bytes(2);
  frame.first_boot_ms = row.integer(3);
  frame.last_boot_ms = row.integer(4);
  frame.schema = row.number(5);
  frame.ticks = row.number(6);
  return frame;
}

}  // namespace

Result<Buffer> Buffer::open(const std::string& path, const BufferLimits& limits) {
  auto db = Sqlite::open(path, Sqlite::Mode::create);
  if (!db) return db.error().with_prefix(path);
  auto buffer = prepare(std::move(*db), path, limits, false);
  if (!buffer) return buffer.error().with_prefix(path);
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
  return buffer;
}

Result<Buffer> Buffer::prepare(Sqlite db, std::string path, const BufferLimits& limits,
                               bool in_memory) {
  Buffer buffer(std::move(db), std::move(path), limits, in_memory);
  Status status = buffer.db_.execute(
      "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
      "PRAGMA wal_autocheckpoint=512; PRAGMA journal_size_limit=4194304;"
      "PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY");
  if (!status) return status.error();
  const auto version = buffer.db_.query_integer("PRAGMA user_version");
  if (!version) return version.error();
  if (*version > format_version) {
    return Error{ErrorCode::invalid, concat("written by a newer godwit-agent (buffer format ",
                                            *version, ", this one knows ", format_version,
                                            "); install that version again or move the file away")};
  }
  if (*version == 0) status = buffer.create_tables();
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
    if (key == "released") released_ = deleted_ = value;
    if (key.starts_with(dropped_prefix)) {
      stats_.dropped_ticks[std::string(key.substr(dropped_prefix.size()))] = value;
    }
    if (key.starts_with(dead_prefix)) {
      stats_.dead_by_reason[std::string(key.substr(dead_prefix.size()))] = value;
      stats_.dead_ticks += value;
    }
  }
  if (epoch_ == 0) return Error{ErrorCode::corrupt, "has no stream id"};
  auto sums = db_.prepare(
      "SELECT count(*), total(ticks), total(length(bytes)), max(last_seq) FROM frames "
      "WHERE last_seq > ?");
  if (!sums) return sums.error();
  const auto row = sums->bind(released_).step();
  if (!row) return row.error();
  stats_.rows = sums->number(0);
  stats_.ticks = sums->number(1);
  stats_.bytes = sums->number(2);
  last_seq_ = std::max(last_seq_, sums->number(3));
  return {};
}

Result<std::uint64_t> Buffer::used_bytes() {
  const auto pages = db_.query_integer("PRAGMA page_count");
  if (!pages) return pages.error();
  const auto unused = db_.query_integer("PRAGMA freelist_count");
  if (!unused) return unused.error();
  return static_cast<std::uint64_t>(*pages - *unused) * 4096;
}

void Buffer::forget(std::uint64_t rows, std::uint64_t ticks, std::uint64_t bytes) {
  stats_.rows -= std::min(rows, stats_.rows);
  stats_.ticks -= std::min(ticks, stats_.ticks);
  stats_.bytes -= std::min(bytes, stats_.bytes);
}

// NORMAL leaves a commit in the page cache, FULL syncs the WAL and with it all earlier commits.
Status Buffer::choose_sync(std::int64_t boot_ms) {
  const bool due = !synced_boot_ms_ || boot_ms < *synced_boot_ms_ ||
                   boot_ms - *synced_boot_ms_ >= limits_.sync_interval_ms - 500;
  if (due != full_sync_) {
    Status status = db_.execute(due ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    if (!status) return status;
    full_sync_ = due;
  }
  return {};
}

Status Buffer::delete_released() {
  if (deleted_ == released_) return {};
  auto statement = db_.prepare("DELETE FROM frames WHERE last_seq <= ?");
  if (!statement) return statement.error();
  return statement->bind(released_).run();
}

Status Buffer::append(const StoredFrame& row) {
  assert(row.first_seq > last_seq_ && row.last_seq >= row.first_seq);
  if (Status status = make_room(); !status) return status;
  if (Status status = choose_sync(row.last_boot_ms); !status) return status;
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  const auto boot = boot_key(row.boot_id);
  if (!boot) return boot.error();
  if (Status status = delete_released(); !status) return status;
  auto insert = db_.prepare(
      "INSERT INTO frames(last_seq, first_seq, boot, first_boot_ms, last_boot_ms, schema, ticks, "
      "bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(row.last_seq).bind(row.first_seq).bind(*boot).bind(row.first_boot_ms);
  insert->bind(row.last_boot_ms).bind(row.schema).bind(row.ticks).bind_blob(row.bytes);
  if (Status status = insert->run(); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  boot_keys_[row.boot_id] = *boot;
  deleted_ = released_;
  unwritten_rows_ = 0;
  last_seq_ = row.last_seq;
  if (full_sync_) synced_boot_ms_ = row.last_boot_ms;
  stats_.rows += 1;
  stats_.ticks += row.ticks;
  stats_.bytes += row.bytes.size();
  return {};
}

// The place where a later version thins old rows before it drops any.
Status Buffer::make_room() {
  for (;;) {
    const auto used = used_bytes();
    if (!used) return used.error();
    if (*used <= limits_.max_bytes || stats_.rows == 0) return {};
    if (Status status = drop_oldest("full"); !status) return status;
  }
}

Result<std::vector<StoredFrame>> Buffer::peek(std::uint64_t after, std::uint64_t max_bytes,
                                              std::uint64_t max_ticks) {
  auto select = db_.prepare(concat("SELECT ", row_columns,
                                   ", f.bytes FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq"));
  if (!select) return select.error();
  select->bind(std::max(after, released_));
  std::vector<StoredFrame> rows;
  std::uint64_t bytes = 0;
  std::uint64_t ticks = 0;
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) return rows;
    bytes += select->bytes(7).size();
    ticks += select->number(6);
    if (!rows.empty() && (bytes > max_bytes || ticks > max_ticks)) return rows;
    rows.push_back(read_row(*select));
    rows.back().bytes = select->bytes(7);
  }
}

Result<std::optional<StoredFrame>> Buffer::oldest() {
  auto select = db_.prepare(concat("SELECT ", row_columns,
                                   " FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq LIMIT 1"));
  if (!select) return select.error();
  const auto row = select->bind(released_).step();
  if (!row) return row.error();
  if (!*row) return std::optional<StoredFrame>{};
  return std::optional(read_row(*select));
}

Status Buffer::release(std::uint64_t seq) {
  if (seq <= released_) return {};
  auto sums = db_.prepare(
      "SELECT count(*), total(ticks), total(length(bytes)) FROM frames "
      "WHERE last_seq > ? AND last_seq <= ?");
  if (!sums) return sums.error();
  const auto row = sums->bind(released_).bind(seq).step();
  if (!row) return row.error();
  released_ = std::min(seq, last_seq_);
  unwritten_rows_ += sums->number(0);
  forget(sums->number(0), sums->number(1), sums->number(2));
  if (unwritten_rows_ < max_unwritten_rows) return {};
  return flush();
}

Status Buffer::flush() {
  if (Status status = db_.execute("PRAGMA synchronous=FULL"); !status) return status;
  full_sync_ = true;
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  if (Status status = delete_released(); !status) return status;
  // With its rows gone nothing else in the file remembers where the stream is.
  if (Status status = set_state("last_seq", last_seq_); !status) return status;
  if (Status status = set_state("released", released_); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  deleted_ = released_;
  unwritten_rows_ = 0;
  return {};
}

}  // namespace godwit
