// What Buffer gives up: rows dropped or refused for good, counted by reason in the file.
#include <algorithm>
#include <numeric>

#include "edge/buffer.h"
#include "transport/frame.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint64_t max_dead_rows = 256;
constexpr std::string_view dropped_prefix = "dropped:";
constexpr std::string_view dead_prefix = "dead:";

}  // namespace

void Buffer::tell_loss(std::string_view reason, const std::vector<std::uint64_t>& seqs) const {
  if (limits_.on_loss && !seqs.empty()) limits_.on_loss(epoch_, reason, seqs);
}

// Of whole rows. Their frames say which seqs they hold; one that cannot be read may have held any.
Status Buffer::tell_rows_lost(std::uint64_t first, std::uint64_t last, std::string_view reason) {
  if (!limits_.on_loss) return {};
  auto select = db_.prepare(
      "SELECT first_seq, last_seq, bytes FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!select) return select.error();
  select->bind(first).bind(last);
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) return {};
    Frame frame;
    if (!decode_frame(select->bytes(2), frame)) {
      const std::uint64_t seqs = select->number(1) - select->number(0) + 1;
      frame.seqs.resize(std::min<std::uint64_t>(seqs, max_frame_ticks));
      std::iota(frame.seqs.begin(), frame.seqs.end(), select->number(0));
    }
    tell_loss(reason, frame.seqs);
  }
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
  if (Status status = tell_rows_lost(first, last, reason); !status) return status;
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
  if (Status s = tell_rows_lost(row.last_seq, row.last_seq, reason); !s) return s;
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

}  // namespace godwit
