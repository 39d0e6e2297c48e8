#include "edge/salvage.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/damaged_header.h"
#include "edge/sqlite.h"
#include "edge/table_walk.h"
#include "transport/clock.h"
#include "transport/frame.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint64_t rows_per_commit = 256;
constexpr std::size_t max_schemas = 100'000;
constexpr std::uint64_t max_seqs_told_at_once = 65'536;
// A boot leaves a gap of this many seqs, in which nothing was.
constexpr std::uint64_t boot_gap = 1U << 20;
constexpr int frame_first_seq = 1;
constexpr int frame_boot = 2;
constexpr int frame_schema = 5;
constexpr int frame_ticks = 6;
constexpr int frame_bytes = 7;
constexpr int frame_is_same = 8;
constexpr int frame_level = 9;
constexpr const char* frame_columns =
    "first_seq,boot,first_boot_ms,last_boot_ms,schema,ticks,bytes";

class Salvage {
 public:
  Salvage(Sqlite from, Sqlite to, const SalvageHints& hints, std::int64_t time_ms)
      : from_(std::move(from)),
        to_(std::move(to)),
        hints_(hints),
        deadline_ms_(steady_ms() + time_ms) {}

  Result<Salvaged> run() {
    found_.stream = hints_.stream;
    last_seq_ = hints_.last_seq;
    released_ = hints_.released;
    Status status = to_.execute("PRAGMA synchronous=OFF; BEGIN");
    if (status) status = take_state();
    if (status) status = take_boots();
    if (status) status = take_schemas();
    if (status) status = take_frames();
    if (status) status = take_dead();
    if (status) status = count_lost();
    if (status) status = put_state("last_seq", last_seq_);
    if (status) status = put_state("released", released_);
    if (status && found_.stream != 0) status = put_state("epoch", found_.stream);
    if (status) status = to_.execute("COMMIT; PRAGMA synchronous=FULL");
    // What was written without syncs is synced by moving the WAL into the file.
    if (status) status = to_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!status) return status.error();
    return found_;
  }

 private:
  Result<std::vector<KeyRange>> walk(const char* table, const char* key, const char* columns,
                                     KeyRange range, const RowVisitor& visit) {
    return walk_table(from_, {table, key, columns, range, deadline_ms_}, visit);
  }

  Status put_state(std::string_view key, std::uint64_t value) {
    auto put = to_.prepare("INSERT OR REPLACE INTO state(key, value) VALUES(?, ?)");
    if (!put) return put.error();
    return put->bind_text(key).bind(value).run();
  }

  // A small table, read for as long as it goes. Its last_seq is as of the last flush.
  Status take_state() {
    auto select = from_.prepare("SELECT key, value FROM state");
    if (!select) return {};
    for (auto more = select->step(); more && *more; more = select->step()) {
      const std::string key(select->bytes(0).substr(0, max_name_bytes));
      const std::uint64_t value = select->number(1);
      if (key == "epoch") {
        if (found_.stream == 0) found_.stream = value;
      } else if (key == "last_seq") {
        flushed_seq_ = value;
      } else if (key == "released") {
        released_ = std::max(released_, value);
      } else if (Status s = put_state(key, value); !s) {
        return s;
      }
      if (key == "dropped:damaged") lost_before_ = value;
      if (key.starts_with("dropped:")) dropped_before_ += value;
    }
    return {};
  }

  Status take_boots() {
    auto insert = to_.prepare(
        "INSERT OR IGNORE INTO boots(id, boot_id, offset_ms, quality) "
        "VALUES(?, ?, ?, ?)");
    if (!insert) return insert.error();
    const auto unread =
        walk("boots", "id", "boot_id, offset_ms, quality", {}, [&](const SqliteStatement& row) {
          const std::string boot_id(row.bytes(1));
          if (boot_id.empty() || boot_id.size() > max_name_bytes || !is_utf8(boot_id)) {
            return Status{};
          }
          insert->reset().bind(row.integer(0)).bind_text(boot_id);
          if (row.is_null(2)) {
            insert->bind_null();
          } else {
            insert->bind(row.integer(2));
          }
          boots_.insert(row.integer(0));
          return insert->bind(row.integer(3)).run();
        });
    return unread ? Status{} : unread.error();
  }

  // A schema's id is the hash of its bytes, so a damaged one is known as such.
  Status take_schemas() {
    auto insert = to_.prepare("INSERT OR IGNORE INTO schemas(id, parent, message) VALUES(?, ?, ?)");
    if (!insert) return insert.error();
    const auto unread =
        walk("schemas", "id", "parent, message", {}, [&](const SqliteStatement& row) {
          const std::string message(row.bytes(2));
          const auto part = decode_schema(message);
          if (!part || part->id != row.number(0) || schemas_.size() >= max_schemas) return Status{};
          schemas_[part->id] = part->parent;
          insert->reset().bind(part->id);
          if (part->parent) {
            insert->bind(*part->parent);
          } else {
            insert->bind_null();
          }
          return insert->bind_blob(message).run();
        });
    return unread ? Status{} : unread.error();
  }

  [[nodiscard]] bool has_schema(SchemaId id) const {
    for (std::size_t depth = 0; depth < max_schema_depth; ++depth) {
      const auto found = schemas_.find(id);
      if (found == schemas_.end()) return false;
      if (!found->second) return true;
      id = *found->second;
    }
    return false;
  }

  // Leaves the decoded frame in frame_.
  bool is_sound(const SqliteStatement& row) {
    return row.integer(0) > 0 && row.integer(frame_is_same) == 1 &&
           row.number(frame_first_seq) <= row.number(0) &&
           boots_.contains(row.integer(frame_boot)) && has_schema(row.number(frame_schema)) &&
           decode_frame(row.bytes(frame_bytes), frame_) && frame_.ticks() != 0 &&
           frame_.ticks() == row.number(frame_ticks) && frame_.schema == row.number(frame_schema) &&
           frame_.first_seq() >= row.number(frame_first_seq) && frame_.last_seq() <= row.number(0);
  }

  Status take_frames() {
    auto insert = to_.prepare(concat("INSERT OR IGNORE INTO frames(last_seq,", frame_columns,
                                     ",level,size) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    if (!insert) return insert.error();
    // A file of the first agents has neither sums nor levels.
    const bool has_sums = from_.prepare("SELECT sum, level FROM frames").ok();
    const std::string columns =
        concat(frame_columns, has_sums ? ", ifnull(sum = crc32(bytes), 1), level" : ", 1, 0");
    const KeyRange waiting{static_cast<std::int64_t>(std::min<std::uint64_t>(released_, INT64_MAX)),
                           INT64_MAX};
    const auto unread =
        walk("frames", "last_seq", columns.c_str(), waiting, [&](const SqliteStatement& row) {
          if (row.number(0) <= released_ || !is_sound(row)) return Status{};
          if (found_.stream == 0) found_.stream = frame_.stream;
          last_seq_ = std::max(last_seq_, row.number(0));
          found_.rows += 1;
          found_.ticks += frame_.ticks();
          insert->reset();
          for (int column = 0; column < frame_bytes; ++column) insert->bind(row.integer(column));
          insert->bind_blob(row.bytes(frame_bytes)).bind(row.integer(frame_level));
          insert->bind(row.bytes(frame_bytes).size());
          if (Status s = insert->run(); !s) return s;
          if (found_.rows % rows_per_commit != 0) return Status{};
          return to_.execute("COMMIT; BEGIN");
        });
    if (!unread) return unread.error();
    end_is_known_ = hints_.last_seq != 0 || (flushed_seq_ != 0 && flushed_seq_ >= last_seq_);
    last_seq_ = std::max(last_seq_, flushed_seq_);
    return {};
  }

  Status take_dead() {
    auto insert = to_.prepare(
        "INSERT OR IGNORE INTO dead(last_seq, reason, schema, ticks, bytes) VALUES(?, ?, ?, ?, ?)");
    if (!insert) return insert.error();
    const auto unread = walk(
        "dead", "last_seq", "reason, schema, ticks, bytes", {}, [&](const SqliteStatement& row) {
          insert->reset().bind(row.integer(0)).bind_text(row.bytes(1)).bind(row.integer(2));
          return insert->bind(row.integer(3)).bind_blob(row.bytes(4)).run();
        });
    return unread ? Status{} : unread.error();
  }

  // Every seq that no row of the new file has: rows may be gone without a bad page to show for it.
  // At most that many: of rows that were refused for good nothing tells here.
  Status count_lost() {
    auto rows = to_.prepare("SELECT first_seq, last_seq FROM frames ORDER BY last_seq");
    if (!rows) return rows.error();
    std::uint64_t next = released_ + 1;
    // Seqs that were dropped or thinned for want of room are among them.
    std::uint64_t excused = dropped_before_;
    for (;;) {
      const auto more = rows->step();
      if (!more) return more.error();
      if (!*more) break;
      lose(next, rows->number(0), excused);
      next = rows->number(1) + 1;
    }
    lose(next, last_seq_ + 1, excused);
    found_.more_lost = !end_is_known_;
    return put_state("dropped:damaged", lost_before_ + found_.lost_ticks);
  }

  void lose(std::uint64_t begin, std::uint64_t end, std::uint64_t& excused) {
    if (begin >= end) return;
    const std::uint64_t ticks = (end - begin) % boot_gap;
    const std::uint64_t known = std::min(ticks, excused);
    excused -= known;
    found_.lost_ticks += ticks - known;
    if (ticks > known) tell_lost(begin, end);
  }

  void tell_lost(std::uint64_t begin, std::uint64_t end) const {
    if (!hints_.on_loss) return;
    // Of a gap with a boot in it the lost ticks lie at either end.
    while (begin < end) {
      std::vector<std::uint64_t> seqs(std::min(end - begin, max_seqs_told_at_once));
      std::iota(seqs.begin(), seqs.end(), begin);
      hints_.on_loss(found_.stream, "damaged", seqs);
      begin += seqs.size();
    }
  }

  Sqlite from_;
  Sqlite to_;
  const SalvageHints& hints_;
  std::int64_t deadline_ms_;
  Salvaged found_;
  std::uint64_t last_seq_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t flushed_seq_ = 0;
  bool end_is_known_ = false;  // no newer rows can be missing
  std::uint64_t lost_before_ = 0;
  std::uint64_t dropped_before_ = 0;  // for any reason
  std::set<std::int64_t> boots_;
  std::map<SchemaId, std::optional<SchemaId>> schemas_;  // to the parent
  Frame frame_;
};

bool has_our_tables(Sqlite& db) {
  const auto ours = db.query_integer(
      "SELECT count(*) FROM sqlite_master WHERE name IN ('frames', 'boots', 'schemas', 'state')");
  return ours && *ours == 4;
}

}  // namespace

bool is_foreign_database(const std::string& path) {
  auto db = Sqlite::open(path, Sqlite::Mode::read_only);
  if (!db) return false;
  const auto tables = db->query_integer("SELECT count(*) FROM sqlite_master");
  const auto ours = db->query_integer(
      "SELECT count(*) FROM sqlite_master WHERE name IN ('frames', 'boots', 'schemas', 'state')");
  return tables && ours && *tables > 0 && *ours == 0;
}

Result<Salvaged> salvage(const std::string& from, const std::string& to, const SalvageHints& hints,
                         std::int64_t time_ms) {
  auto target = Sqlite::open(to, Sqlite::Mode::create);
  if (!target) return target.error();
  auto source = Sqlite::open(from, Sqlite::Mode::read_only);
  if (source && !has_our_tables(*source)) {
    // Where tables begin and what they hold stands on the first page alone.
    source = Error{ErrorCode::corrupt, ""};
    if (rebuild_first_page(from, to)) source = Sqlite::open(from, Sqlite::Mode::read_only);
  }
  if (!source || !source->execute("PRAGMA cell_size_check=ON; PRAGMA cache_size=-1024")) {
    Salvaged nothing;
    nothing.more_lost = true;
    return nothing;
  }
  return Salvage(std::move(*source), std::move(*target), hints, time_ms).run();
}

}  // namespace godwit
