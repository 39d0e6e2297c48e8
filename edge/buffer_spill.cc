// Buffer's rows in RAM: how they are kept safe, when they move to the file, and how a later process
// takes them back out of the journal.
#include <algorithm>
#include <cassert>
#include <utility>

#include "edge/buffer.h"
#include "edge/buffer_run.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Rows in RAM: enough for rows of the file that compress well, little beside the agent's own size.
constexpr std::uint64_t front_bytes = 64U << 10;
constexpr std::uint64_t spare_flash_front_bytes = 1U << 20;
// Values of a merged row: a quarter of a megabyte while it is made.
constexpr std::size_t max_merged_values = 32U << 10;
// How far ahead of the stream seqs are reserved, at most and at least.
constexpr std::uint64_t reserve_ahead = 1U << 20;
constexpr std::uint64_t reserve_again = 1U << 19;
constexpr std::int64_t journal_retry_ms = 10'000;
// Of sync_interval: what a turn that comes a little early need not wait for.
constexpr std::int64_t early_part = 20;

}  // namespace

std::string_view durability_name(Durability durability) {
  switch (durability) {
    case Durability::strict:
      return "strict";
    case Durability::spare_flash:
      return "spare-flash";
    case Durability::balanced:
      break;
  }
  return "balanced";
}

Status Buffer::hold(const StoredFrame& ticks) {
  if (limits_.durability == Durability::spare_flash || !front_.has_journal()) return {};
  Status held = front_.hold(ticks, epoch_, released_);
  if (!held && held.error().code == ErrorCode::full) {
    if (Status s = spill(); !s) return s;
    held = front_.hold(ticks, epoch_, released_);
    // Larger than the journal: safe when its row is stored.
    if (!held && held.error().code == ErrorCode::full) return {};
  }
  if (!held && held.error().code == ErrorCode::unavailable) {
    log::warning("buffer", "the tick journal is gone; every row goes to the file at once",
                 {{"reason", held.error().message}});
    return spill();
  }
  if (held && limits_.durability == Durability::strict) return front_.sync();
  return held;
}

Status Buffer::append(const StoredFrame& row) {
  assert(row.first_seq > last_seq_ && row.last_seq >= row.first_seq);
  if (!front_.covers(row)) {
    if (Status s = hold(row); !s) return s;
  }
  const bool in_ram_only = limits_.durability == Durability::spare_flash || in_memory_;
  const std::uint64_t last_seq_before = std::exchange(last_seq_, row.last_seq);
  if (own_seq_ == 0) own_seq_ = row.first_seq;
  front_.append(row);
  Status status;
  if ((!in_ram_only && !front_.covers(row)) || front_.sums().bytes >= front_limit()) {
    status = spill();
  } else if (limits_.durability == Durability::spare_flash &&
             row.last_seq + reserve_again > reserved_) {
    status = reserve_seqs();
  } else if (limits_.durability == Durability::balanced && limits_.sync_interval_ms == 0) {
    status = front_.sync();
  }
  if (!status) {
    front_.undo_append();
    last_seq_ = last_seq_before;
  }
  return status;
}

std::uint64_t Buffer::front_limit() const {
  const bool spares = limits_.durability == Durability::spare_flash;
  return std::min(limits_.max_bytes / 8, spares ? spare_flash_front_bytes : front_bytes);
}

std::uint64_t Buffer::filed_seq() const {
  return front_.rows().empty() ? last_seq_ : front_.rows().front().frame.first_seq - 1;
}

Status Buffer::tend(std::int64_t boot_ms) {
  if (over_bytes_ > 0) {
    if (Status s = shrink(); !s) return s;
  }
  if (limits_.durability == Durability::spare_flash) {
    const auto& rows = front_.rows();
    const bool is_due =
        !rows.empty() && boot_ms - rows.front().frame.last_boot_ms >= limits_.grace_ms;
    return is_due ? spill() : Status{};
  }
  if (!front_.has_journal() && !in_memory_ &&
      boot_ms - journal_tried_boot_ms_ >= journal_retry_ms) {
    journal_tried_boot_ms_ = boot_ms;
    if (Status s = retry_journal(); !s) return s;
  }
  const std::int64_t interval_ms = limits_.sync_interval_ms;
  if (front_.is_synced()) return {};
  if (boot_ms >= synced_boot_ms_ &&
      boot_ms - synced_boot_ms_ < interval_ms - interval_ms / early_part) {
    return {};
  }
  synced_boot_ms_ = boot_ms;
  return front_.sync();
}

Status Buffer::spill() {
  if (front_.rows().empty()) return {};
  const BufferStats stats_before = stats_;
  const auto searched_before = searched_;
  if (Status status = spill_in_transaction(); !status) {
    stats_ = stats_before;
    searched_ = searched_before;
    return status;
  }
  deleted_ = released_;
  unwritten_rows_ = 0;
  front_.clear();
  ram_schemas_.clear();
  return {};
}

Status Buffer::spill_in_transaction() {
  const auto rows = merge_front();
  if (!rows) return rows.error();
  SqliteTransaction transaction(db_);
  if (Status status = transaction.begin(); !status) return status;
  if (Status status = delete_released(); !status) return status;
  for (const auto& [id, schema] : ram_schemas_) {
    if (Status s = store_schema(id, schema.parent, schema.message); !s) return s;
  }
  for (const StoredFrame& row : *rows) {
    if (Status status = make_room(row.bytes.size()); !status) return status;
    const auto boot = boot_key(row.boot_id);
    if (!boot) return boot.error();
    if (Status status = insert_row(row, *boot); !status) return status;
  }
  return transaction.commit();
}

// The rows in RAM as they go to the file: neighbours joined, but never across the ends of what is
// pinned. What cannot be decoded stays as it is.
Result<std::vector<StoredFrame>> Buffer::merge_front() {
  std::vector<StoredFrame> merged;
  Run run;
  const auto close = [&] {
    if (run.rows == 0) return;
    if (run.rows > 1) fill_row(run.row, run.frame);
    if (run.readable && run.frame.ticks() * run.frame.columns.size() >= merged_values) {
      run.row.level = std::max<std::size_t>(run.row.level, 1);
    }
    merged.push_back(std::move(run.row));
    run = Run{};
  };
  for (const auto& [row, place] : front_.rows()) {
    if (run.rows > 0 && row.level == run.row.level && is_pinned(row) == is_pinned(run.row) &&
        join(run, row, max_merged_values)) {
      ++run.rows;
      continue;
    }
    close();
    run.readable = decode_frame(row.bytes, run.frame).ok();
    run.row = row;
    run.rows = 1;
  }
  close();
  return merged;
}

std::vector<StoredFrame> Buffer::take_unspilled() {
  std::vector<StoredFrame> rows;
  for (const auto& row : front_.rows()) rows.push_back(row.frame);
  if (!rows.empty()) last_seq_ = rows.front().first_seq - 1;
  front_.clear();
  front_.erase_journal();
  return rows;
}

// Nothing in the file tells how far a stream went whose rows were all delivered from RAM. Seqs up
// to the reserved one may have been used by a process that was killed, and are not used again.
Status Buffer::reserve_seqs() {
  if (Status s = set_state("reserved", last_seq_ + reserve_ahead); !s) return s;
  reserved_ = last_seq_ + reserve_ahead;
  return {};
}

Status Buffer::recover() {
  const auto used = used_bytes();
  if (!used) return used.error();
  if (*used > page_limit()) over_bytes_ = *used;
  opened_seq_ = last_seq_;
  auto journal = TickJournal::open(journal_path(path_));
  if (journal) {
    front_ = BufferFront(std::move(*journal));
    const auto taken = take_journalled(front_.journalled());
    if (!taken) return taken.error();
    recovered_ticks_ = *taken;
  } else {
    log::warning("buffer", "no tick journal; every row goes to the file at once",
                 {{"reason", journal.error().message}});
  }
  last_seq_ = std::max(last_seq_, reserved_);
  if (limits_.durability == Durability::spare_flash) return reserve_seqs();
  if (reserved_ == 0) return {};
  if (Status s = set_state("last_seq", filed_seq()); !s) return s;
  reserved_ = 0;
  return set_state("reserved", 0);
}

// A disk that was full has room again, or somebody has put right what was wrong. What an earlier
// process left in the journal was not taken when the file was opened; its seqs are behind this
// process's by now.
Status Buffer::retry_journal() {
  if (Status s = spill(); !s) return s;
  auto journal = TickJournal::open(journal_path(path_));
  if (!journal) return {};
  front_ = BufferFront(std::move(*journal));
  JournalContent found = front_.journalled();
  std::erase_if(found.rows, [&](const JournalledRow& entry) {
    return entry.stream == epoch_ &&
           (entry.row.last_seq <= opened_seq_ || (own_seq_ > 0 && entry.row.first_seq >= own_seq_));
  });
  for (auto& entry : found.rows) entry.stream = 0;
  found.released.clear();
  const auto taken = take_journalled(std::move(found));
  if (!taken) return taken.error();
  recovered_ticks_ += *taken;
  front_.erase_journal();
  log::info("buffer", "the tick journal works again", {{"recovered_ticks", *taken}});
  return {};
}

// Rows of this stream keep their seqs; those of a file that is gone go on behind them.
Result<std::uint64_t> Buffer::take_journalled(JournalContent&& found) {
  const std::uint64_t delivered = found.released[epoch_];
  const auto foreign =
      std::stable_partition(found.rows.begin(), found.rows.end(),
                            [&](const JournalledRow& entry) { return entry.stream == epoch_; });
  std::uint64_t ticks = 0;
  for (auto entry = found.rows.begin(); entry != found.rows.end(); ++entry) {
    StoredFrame& row = entry->row;
    if (entry >= foreign ? !renumber_row(row, epoch_, last_seq_) : row.last_seq <= last_seq_) {
      continue;
    }
    last_seq_ = row.last_seq;
    ticks += row.ticks;
    front_.append(row);
  }
  last_seq_ = std::max(last_seq_, delivered);
  if (Status s = release(delivered); !s) return s.error();
  if (Status s = spill(); !s) return s.error();
  if (foreign != found.rows.end()) front_.erase_journal();
  return ticks;
}

}  // namespace godwit
