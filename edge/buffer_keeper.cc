#include "edge/buffer_keeper.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "transport/clock.h"
#include "transport/frame.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t first_retry_ms = 1000;
constexpr std::int64_t longest_retry_ms = 60'000;
// Rows that move from RAM to the file in one turn: some of them may be synced one by one.
constexpr std::uint64_t rows_per_turn = 64;
// A file that fails to open so often in a row is damaged for all that can be done about it.
constexpr int bad_medium_times = 3;
// A predecessor that was killed may take a moment to be gone.
constexpr std::int64_t lock_patience_ms = 10'000;

Status copy_schemas(Buffer& from, Buffer& to, SchemaId id) {
  std::optional<SchemaId> at = id;
  for (std::size_t depth = 0; at && depth < max_schema_depth; ++depth) {
    const auto schema = from.schema(*at);
    if (!schema) return schema.error();
    if (!schema->has_value()) return {};
    if (Status s = to.put_schema(*at, (*schema)->parent, (*schema)->message); !s) return s;
    at = (*schema)->parent;
  }
  return {};
}

Status copy_row(Buffer& from, Buffer& to, StoredFrame row) {
  if (Status s = copy_schemas(from, to, row.schema); !s) return s;
  if (from.epoch() == to.epoch() && row.first_seq > to.last_seq()) return to.append(row);
  if (!renumber_row(row, to.epoch(), to.last_seq())) {
    // Could not be sent either.
    from.tell_row_lost(row, "unreadable");
    return to.count_dropped(row.ticks, "unreadable");
  }
  return to.append(row);
}

Status copy_boots(Buffer& from, Buffer& to) {
  const auto boots = from.boots();
  if (!boots) return boots.error();
  for (const auto& boot : *boots) {
    if (!boot.offset_ms) continue;
    if (Status s = to.put_boot(boot); !s) return s;
  }
  return {};
}

Result<FileLock> lock_of(const std::string& path) {
  if (path.empty()) return FileLock();
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  return FileLock::take(path + ".lock");
}

}  // namespace

Status move_waiting_rows(Buffer& from, Buffer& to, std::uint64_t max_rows) {
  if (Status s = copy_boots(from, to); !s) return s;
  for (std::uint64_t n = 0; n < max_rows && !from.empty(); ++n) {
    auto rows = from.peek(0, 1, 1);
    if (!rows) return rows.error();
    if (rows->empty()) return {};
    const std::uint64_t seq = rows->front().last_seq;
    if (Status s = copy_row(from, to, std::move(rows->front())); !s) return s;
    // The row is safe in `to`; a file that cannot note its release would send it again at worst.
    (void)from.release(seq);
  }
  return {};
}

BufferKeeper::BufferKeeper(const std::string& path, const BufferLimits& limits)
    : path_(path), limits_(limits), buffer_(open_buffer("", limits).buffer) {
  const std::int64_t patient_until_ms = steady_ms() + lock_patience_ms;
  OpenedBuffer opened = open({});
  while (locked_out_ && steady_ms() < patient_until_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    opened = open({});
  }
  buffer_ = std::move(opened.buffer);
  readable_ = std::move(opened.readable);
  trouble_ = std::move(opened.trouble);
  if (opened.salvaged) first_gap_ = salvage_gap;
  if (trouble_ && !locked_out_) {
    log::error("buffer", "the file cannot be used; readings are kept in RAM",
               {{"reason", trouble_->message}});
  }
}

OpenedBuffer BufferKeeper::open(const OpenHints& hints) {
  locked_out_ = false;
  if (!lock_.held() && !path_.empty()) {
    auto lock = lock_of(path_);
    locked_out_ = !lock && lock.error().code == ErrorCode::unavailable;
    if (locked_out_) {
      OpenedBuffer refused = open_buffer("", limits_);
      refused.trouble = lock.error();
      return refused;
    }
    // Without a lock file the folder cannot be written, and open_buffer() says so.
    if (lock) lock_ = std::move(*lock);
  }
  return open_buffer(path_, limits_, hints);
}

Status BufferKeeper::begin_stream() {
  if (buffer_.last_seq() > 0) buffer_.skip_seqs(first_gap_);
  if (Status s = buffer_.flush(); !s) return s;
  stream_begun_ = !buffer_.in_memory();
  return {};
}

BufferStats BufferKeeper::stats() {
  BufferStats sum = buffer_.stats();
  if (readable_) {
    const BufferStats file = readable_->stats();
    sum.rows += file.rows;
    sum.ticks += file.ticks;
    sum.bytes += file.bytes;
    sum.file_bytes += file.file_bytes;
  }
  return sum;
}

void BufferKeeper::put_off(std::int64_t now_ms) {
  works_again_ = false;
  retry_interval_ms_ = std::clamp(2 * retry_interval_ms_, first_retry_ms, longest_retry_ms);
  retry_ms_ = now_ms + retry_interval_ms_;
}

// Nothing better is left; the old contents go.
void BufferKeeper::renew_memory(const Error& error) {
  log::error("buffer", "the buffer in RAM failed and is begun anew", {{"reason", error.message}});
  Buffer fresh = open_buffer("", limits_).buffer;
  (void)fresh.follow(buffer_);
  if (const auto rows = buffer_.peek(0, UINT64_MAX, UINT64_MAX)) {
    for (const auto& row : *rows) {
      Frame frame;
      if (decode_frame(row.bytes, frame)) buffer_.tell_loss("no_buffer", frame.seqs);
    }
  }
  (void)fresh.count_dropped(buffer_.stats().ticks, "no_buffer");
  buffer_ = std::move(fresh);
}

void BufferKeeper::replace(const Error& error, std::int64_t now_ms) {
  put_off(now_ms);
  if (buffer_.in_memory()) return renew_memory(error);
  Buffer memory = open_buffer("", limits_).buffer;
  const std::uint64_t last_seq = buffer_.last_seq();
  auto unspilled = buffer_.take_unspilled();
  if (stream_begun_) (void)memory.follow(buffer_);
  for (auto& row : unspilled) (void)copy_row(buffer_, memory, std::move(row));
  if (stream_begun_) memory.skip_to(last_seq);
  readable_ = std::exchange(buffer_, std::move(memory));
  trouble_ = error;
  works_again_ = error.code == ErrorCode::corrupt && reopen(error);
  if (works_again_) return;
  log::error("buffer", "the file cannot be used; readings are kept in RAM for now",
             {{"reason", trouble_->message}});
}

bool BufferKeeper::replace_outbox(const Error& error, std::int64_t now_ms) {
  // A file that waits to be written may have failed at the release of its last row, and then it is
  // not the outbox any more.
  if (!readable_) {
    replace(error, now_ms);
    return true;
  }
  // That it cannot note what is released is known, and a reason to wait; that it does not read is
  // for retry() to deal with.
  if (error.code == ErrorCode::corrupt) works_again_ = reopen(error);
  return false;
}

// Opens the file anew, or salvages it when it has `damage`; true: it can be written. Rows in RAM
// stay there.
bool BufferKeeper::reopen(std::optional<Error> damage) {
  if (readable_) {
    last_known_ = {{}, readable_->epoch(), readable_->last_seq(), readable_->released()};
  }
  OpenHints hints = last_known_;
  if (damage) readable_.reset();
  hints.damage = std::move(damage);
  OpenedBuffer opened = open(hints);
  const bool usable = !opened.trouble;
  std::optional<Buffer> file = usable ? std::move(opened.buffer) : std::move(opened.readable);
  if (!usable) trouble_ = std::move(opened.trouble);
  if (!file) return false;
  if (file->epoch() == hints.stream) {
    (void)file->release(hints.released);
  } else if (readable_ && usable) {
    // The name is that of another file now. The old one still reads.
    (void)move_waiting_rows(*readable_, *file);
  }
  if (hints.stream == 0 && file->last_seq() > 0) {
    file->skip_seqs(opened.salvaged ? salvage_gap : start_gap);
  }
  readable_ = std::move(file);
  return usable;
}

// true: the file takes rows and gives them.
bool BufferKeeper::try_file() {
  // The connection that is open knows what was released, so it is tried first.
  bool reads = readable_ && readable_->peek(0, 1, 1);
  if (reads && readable_->flush()) return true;
  std::optional<Error> damage;
  const bool was_used = readable_ || last_known_.stream != 0;
  if (!reads && was_used && trouble_->code == ErrorCode::io) {
    if (++failed_reads_ >= bad_medium_times) damage = trouble_;
  }
  if (!reopen(std::move(damage))) return false;
  reads = readable_->peek(0, 1, 1).ok();
  return reads;
}

bool BufferKeeper::retry(std::int64_t now_ms) {
  if (!trouble_ || (now_ms < retry_ms_ && !works_again_)) return false;
  if (!works_again_) works_again_ = try_file();
  if (!works_again_) {
    put_off(now_ms);
    return false;
  }
  if (Status moved = move_some(rows_per_turn); !moved) {
    log::warning("buffer", "the file still cannot take readings",
                 {{"reason", moved.error().message}});
    trouble_ = moved.error();
    put_off(now_ms);
    return false;
  }
  if (readable_) return false;
  log::info("buffer", "the file works again");
  return true;
}

// From RAM to the file; with the last row the file takes over.
Status BufferKeeper::move_some(std::uint64_t max_rows) {
  if (Status s = move_waiting_rows(buffer_, *readable_, max_rows); !s) return s;
  if (!buffer_.empty()) return {};
  if (readable_->epoch() == buffer_.epoch()) readable_->skip_to(buffer_.last_seq());
  if (Status s = readable_->flush(); !s) return s;
  for (const auto& [reason, lost] : buffer_.stats().lost) {
    (void)readable_->count_dropped(lost.ticks, reason, lost.samples);
  }
  buffer_ = std::move(*readable_);
  readable_.reset();
  trouble_.reset();
  last_known_ = {};
  stream_begun_ = true;
  works_again_ = false;
  failed_reads_ = 0;
  retry_interval_ms_ = 0;
  return {};
}

void BufferKeeper::finish() {
  if (!trouble_ || path_.empty()) return;
  if (!works_again_) works_again_ = try_file();
  Status moved = *trouble_;
  if (works_again_) moved = move_some(UINT64_MAX);
  if (moved) return;
  const std::uint64_t ticks = buffer_.stats().ticks;
  if (ticks == 0) return;
  log::error("buffer", "readings in RAM are lost with this process",
             {{"ticks", ticks}, {"reason", moved.error().message}});
  renew_memory(moved.error());
}

}  // namespace godwit
