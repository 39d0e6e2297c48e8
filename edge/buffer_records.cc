// The parts of Buffer beside the queue itself: what is dropped or refused, schemas, boots, state.
#include "edge/buffer.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint64_t max_dead_rows = 256;
constexpr std::string_view dropped_prefix = "dropped:";
constexpr std::string_view dead_prefix = "dead:";

}  // namespace

Status Buffer::set_state(std::string_view key, std::uint64_t value) {
  auto statement = db_.prepare("INSERT OR REPLACE INTO state(key, value) VALUES(?, ?)");
  if (!statement) return statement.error();
  return statement->bind_text(key).bind(value).run();
}

Status Buffer::add_to_state(std::string_view prefix, std::string_view reason, std::uint64_t ticks) {
  auto statement = db_.prepare(
      "INSERT INTO state(key, value) VALUES(?, ?) "
      "ON CONFLICT(key) DO UPDATE SET value = value + excluded.value");
  if (!statement) return statement.error();
  const std::string key = concat(prefix, reason);
  return statement->bind_text(key).bind(ticks).run();
}

Status Buffer::reject(std::uint64_t first, std::uint64_t last, std::string_view reason) {
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  auto sums = db_.prepare(
      "SELECT count(*), total(ticks), total(length(bytes)) FROM frames "
      "WHERE last_seq >= ? AND last_seq <= ?");
  if (!sums) return sums.error();
  const auto row = sums->bind(first).bind(last).step();
  if (!row) return row.error();
  const std::uint64_t ticks = sums->number(1);
  auto move = db_.prepare(
      "INSERT OR REPLACE INTO dead(last_seq, reason, schema, ticks, bytes) "
      "SELECT last_seq, ?, schema, ticks, bytes FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!move) return move.error();
  if (Status s = move->bind_text(reason).bind(first).bind(last).run(); !s) return s;
  auto erase = db_.prepare("DELETE FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!erase) return erase.error();
  if (Status status = erase->bind(first).bind(last).run(); !status) return status;
  if (Status status = db_.execute(
          concat("DELETE FROM dead WHERE last_seq NOT IN (SELECT last_seq FROM dead ORDER BY "
                 "last_seq DESC LIMIT ",
                 max_dead_rows, ")"));
      !status) {
    return status;
  }
  if (Status status = add_to_state(dead_prefix, reason, ticks); !status) return status;
  if (Status status = set_state("last_seq", last_seq_); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  stats_.dead_ticks += ticks;
  stats_.dead_by_reason[std::string(reason)] += ticks;
  forget(sums->number(0), ticks, sums->number(2));
  return {};
}

Status Buffer::drop_oldest(std::string_view reason) {
  const auto head = oldest();
  if (!head) return head.error();
  if (!*head) return {};
  const StoredFrame& row = **head;
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  auto size = db_.prepare("SELECT length(bytes) FROM frames WHERE last_seq = ?");
  if (!size) return size.error();
  if (const auto found = size->bind(row.last_seq).step(); !found) return found.error();
  const std::uint64_t bytes = size->number(0);
  auto erase = db_.prepare("DELETE FROM frames WHERE last_seq <= ?");
  if (!erase) return erase.error();
  if (Status status = erase->bind(row.last_seq).run(); !status) return status;
  if (Status s = add_to_state(dropped_prefix, reason, row.ticks); !s) return s;
  if (Status status = set_state("last_seq", last_seq_); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  stats_.dropped_ticks[std::string(reason)] += row.ticks;
  forget(1, row.ticks, bytes);
  return {};
}

Status Buffer::count_dropped(std::uint64_t ticks, std::string_view reason) {
  if (Status s = add_to_state(dropped_prefix, reason, ticks); !s) return s;
  stats_.dropped_ticks[std::string(reason)] += ticks;
  return {};
}

Status Buffer::put_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message) {
  auto insert = db_.prepare("INSERT OR IGNORE INTO schemas(id, parent, message) VALUES(?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(id);
  if (parent) {
    insert->bind(*parent);
  } else {
    insert->bind_null();
  }
  return insert->bind_blob(message).run();
}

Result<std::optional<Buffer::StoredSchema>> Buffer::schema(SchemaId id) {
  auto select = db_.prepare("SELECT parent, message FROM schemas WHERE id = ?");
  if (!select) return select.error();
  const auto row = select->bind(id).step();
  if (!row) return row.error();
  if (!*row) return std::optional<StoredSchema>{};
  StoredSchema found;
  if (!select->is_null(0)) found.parent = select->number(0);
  found.message = select->bytes(1);
  return std::optional(std::move(found));
}

Result<std::vector<SchemaId>> Buffer::drop_unused_schemas(std::optional<SchemaId> kept) {
  auto erase = db_.prepare(
      "WITH RECURSIVE needed(id) AS (SELECT schema FROM frames WHERE last_seq > ?1 "
      "UNION SELECT ?2 UNION SELECT s.parent FROM schemas s JOIN needed n ON s.id = n.id "
      "WHERE s.parent IS NOT NULL) "
      "DELETE FROM schemas WHERE id NOT IN (SELECT id FROM needed WHERE id IS NOT NULL) "
      "RETURNING id");
  if (!erase) return erase.error();
  erase->bind(released_);
  if (kept) {
    erase->bind(*kept);
  } else {
    erase->bind_null();
  }
  std::vector<SchemaId> gone;
  for (;;) {
    const auto more = erase->step();
    if (!more) return more.error();
    if (!*more) return gone;
    gone.push_back(erase->number(0));
  }
}

Status Buffer::put_boot(const BootRecord& boot) {
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
  if (const auto known = boot_keys_.find(boot_id); known != boot_keys_.end()) return known->second;
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
  if (const auto used = used_bytes()) stats_.file_bytes = *used;
  return stats_;
}

}  // namespace godwit
