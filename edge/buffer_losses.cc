// What Buffer gives up: rows dropped or refused for good, counted by reason in the file.
#include <algorithm>
#include <numeric>
#include <utility>

#include "edge/buffer.h"
#include "transport/frame.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint64_t max_dead_rows = 256;
constexpr std::uint64_t max_dead_share = 16;  // at most 1/16 of the buffer
constexpr std::uint64_t max_seqs_of_row = 1U << 20;
constexpr std::string_view dropped_prefix = "dropped:";
constexpr std::string_view dropped_samples_prefix = "dropped_samples:";
constexpr std::string_view dead_prefix = "dead:";

}  // namespace

std::map<std::string, std::uint64_t> BufferStats::lost_by_reason() const {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& [reason, count] : lost) {
    if (count.ticks > 0) sums[reason] += count.ticks;
  }
  for (const auto& [reason, count] : dead_by_reason) {
    const bool own = reason == "undatable" || reason == "unreadable" || reason == "no_schema" ||
                     reason == "too_large";
    if (count > 0) sums[own ? reason : "rejected"] += count;
  }
  return sums;
}

void Buffer::tell_loss(std::string_view reason, const std::vector<std::uint64_t>& seqs) const {
  if (limits_.on_loss && !seqs.empty()) limits_.on_loss(epoch_, reason, seqs);
}

// Its frame says which seqs it holds; one that cannot be read may have held any.
void Buffer::tell_row_lost(const StoredFrame& row, std::string_view reason) const {
  if (!limits_.on_loss) return;
  Frame frame;
  if (decode_frame(row.bytes, frame) && frame.ticks() != 0) return tell_loss(reason, frame.seqs);
  if (row.first_seq > row.last_seq) return;
  // Where it begins may be damaged too.
  std::uint64_t left = std::min(row.last_seq - row.first_seq, max_seqs_of_row - 1) + 1;
  for (std::uint64_t first = row.first_seq; left > 0; left -= frame.seqs.size()) {
    frame.seqs.resize(std::min<std::uint64_t>(left, max_frame_ticks));
    std::iota(frame.seqs.begin(), frame.seqs.end(), first);
    tell_loss(reason, frame.seqs);
    first += frame.seqs.size();
  }
}

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
    StoredFrame row;
    row.first_seq = select->number(0);
    row.last_seq = select->number(1);
    row.bytes = select->bytes(2);
    tell_row_lost(row, reason);
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
  if (Status status = spill(); !status) return status;
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  const auto gone = sums("last_seq >= ? AND last_seq <= ?", first, last);
  if (!gone) return gone.error();
  if (Status status = tell_rows_lost(first, last, reason); !status) return status;
  auto move = db_.prepare(
      "INSERT OR REPLACE INTO dead(last_seq, reason, schema, ticks, bytes) "
      "SELECT last_seq, ?, schema, ticks, bytes FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!move) return move.error();
  if (Status s = move->bind_text(reason).bind(first).bind(last).run(); !s) return s;
  auto erase = db_.prepare("DELETE FROM frames WHERE last_seq >= ? AND last_seq <= ?");
  if (!erase) return erase.error();
  if (Status status = erase->bind(first).bind(last).run(); !status) return status;
  auto bound = db_.prepare(
      "DELETE FROM dead WHERE last_seq IN (SELECT last_seq FROM (SELECT last_seq, count(*) OVER "
      "newer AS rows, sum(length(bytes)) OVER newer AS bytes FROM dead WINDOW newer AS (ORDER BY "
      "last_seq DESC)) WHERE rows > ? OR bytes > ?)");
  if (!bound) return bound.error();
  bound->bind(max_dead_rows).bind(limits_.max_bytes / max_dead_share);
  if (Status status = bound->run(); !status) return status;
  std::uint64_t ticks = 0;
  for (const auto& level : *gone) ticks += level.ticks;
  if (Status status = add_to_state(dead_prefix, reason, ticks); !status) return status;
  if (Status status = set_state("last_seq", filed_seq()); !status) return status;
  if (Status status = transaction.commit(); !status) return status;
  stats_.dead_ticks += ticks;
  stats_.dead_by_reason[std::string(reason)] += ticks;
  for (std::size_t level = 0; level < gone->size(); ++level) forget(level, (*gone)[level]);
  if (pinned_first_ <= last && pinned_last_ >= first) pin(1, 0);
  return {};
}

void Buffer::pin(std::uint64_t first, std::uint64_t last) {
  pinned_first_ = first;
  pinned_last_ = last;
}

bool Buffer::is_pinned(const StoredFrame& row) const {
  return row.last_seq >= pinned_first_ && row.first_seq <= pinned_last_;
}

Result<std::optional<StoredFrame>> Buffer::oldest_in_file() {
  auto select = db_.prepare(concat("SELECT ", row_columns,
                                   " FROM frames f JOIN boots b ON b.id = f.boot "
                                   "WHERE f.last_seq > ? ORDER BY f.last_seq"));
  if (!select) return select.error();
  select->bind(released_);
  for (;;) {
    const auto more = select->step();
    if (!more) return more.error();
    if (!*more) return std::optional<StoredFrame>{};
    StoredFrame row = read_row(*select);
    if (!is_pinned(row)) return std::optional(std::move(row));
  }
}

Result<std::optional<StoredFrame>> Buffer::oldest_not_pinned() {
  auto in_file = oldest_in_file();
  if (!in_file || *in_file) return in_file;
  for (const auto& [row, place] : front_.rows()) {
    if (!is_pinned(row)) return std::optional(row);
  }
  return std::optional<StoredFrame>{};
}

// Within a transaction. false: every row is pinned.
Result<bool> Buffer::drop_row(std::string_view reason) {
  const auto head = oldest_in_file();
  if (!head) return head.error();
  if (!*head) return false;
  const StoredFrame& row = **head;
  if (Status s = tell_rows_lost(row.last_seq, row.last_seq, reason); !s) return s.error();
  auto bytes = db_.prepare("SELECT bytes FROM frames WHERE last_seq = ?");
  if (!bytes) return bytes.error();
  if (const auto found = bytes->bind(row.last_seq).step(); !found) return found.error();
  Frame frame;
  const std::size_t samples = decode_frame(bytes->bytes(0), frame) ? frame.samples() : 0;
  forget(row.level, {1, row.ticks, bytes->bytes(0).size()});
  auto erase = db_.prepare("DELETE FROM frames WHERE last_seq = ?");
  if (!erase) return erase.error();
  if (Status s = erase->bind(row.last_seq).run(); !s) return s.error();
  if (Status s = count_dropped(row.ticks, reason, samples); !s) return s.error();
  return true;
}

Status Buffer::drop_oldest(std::string_view reason) {
  const auto in_file = oldest_in_file();
  if (!in_file) return in_file.error();
  if (!*in_file) {
    if (Status s = spill(); !s) return s;
  }
  const BufferStats before = stats_;
  Status status = [&]() -> Status {
    SqliteTransaction transaction(db_);
    if (Status s = transaction.begin(); !s) return s;
    const auto dropped = drop_row(reason);
    if (!dropped) return dropped.error();
    if (Status s = set_state("last_seq", filed_seq()); !s) return s;
    return transaction.commit();
  }();
  if (!status) stats_ = before;
  return status;
}

Status Buffer::count_dropped(std::uint64_t ticks, std::string_view reason, std::uint64_t samples) {
  if (ticks == 0 && samples == 0) return {};
  if (Status s = add_to_state(dropped_prefix, reason, ticks); !s) return s;
  if (Status s = add_to_state(dropped_samples_prefix, reason, samples); !s) return s;
  LossCount& count = stats_.lost[std::string(reason)];
  count.ticks += ticks;
  count.samples += samples;
  return {};
}

}  // namespace godwit
