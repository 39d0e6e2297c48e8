// BufferKeeper: the agent's buffer, in its file whenever that works and in RAM when it does not.
// Owner thread only.
//
// A file that fails while it is used: RAM goes on with its stream and seqs, and while the file
// reads, what it holds is sent first. So order is kept, and nothing changes its name when the file
// takes the rows of RAM in the end. A file that did not even open comes back with older rows than
// were sent meanwhile: they are sent late, and the relay says if the database does not take them.
//
// No seq may be used twice, or the relay takes the second tick for a repeat. What is sent from RAM
// is not known to the file; hence each process begins behind a gap that is in the file before it
// sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "edge/buffer_open.h"
#include "edge/file_lock.h"

namespace godwit {

class BufferKeeper {
 public:
  // Behind what an earlier process may have sent and the file does not know; and behind rows that
  // are lost, when not even the newest is known.
  static constexpr std::uint64_t start_gap = 1U << 20;
  static constexpr std::uint64_t salvage_gap = 1U << 24;

  BufferKeeper(const std::string& path, const BufferLimits& limits);

  // Where new rows go.
  Buffer& buffer() { return buffer_; }
  // Where rows are sent from. Changes only while nothing waits in the old one, or with replace()
  // and retry().
  Buffer& outbox() { return readable_ && !readable_->empty() ? *readable_ : buffer_; }
  // Why the buffer is in RAM though a file was asked for.
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }
  // Another process uses the file; this one should end.
  [[nodiscard]] bool is_locked_out() const { return locked_out_; }

  // buffer() failed: a damaged file is salvaged, else RAM takes over. After it buffer() is another.
  void replace(const Error& error, std::int64_t now_ms);
  // outbox() failed. true: buffer() is another one.
  bool replace_outbox(const Error& error, std::int64_t now_ms);
  // Tries the file again, a second after it failed and less and less often, and moves some of the
  // rows in RAM to it. true: buffer() is the file again.
  bool retry(std::int64_t now_ms);
  // For a clean end: like retry() now, with all rows; what it cannot write is lost.
  void finish();
  // Once, before the first row: leaves a gap of seqs behind what earlier processes may have sent.
  Status begin_stream();
  // Of both.
  BufferStats stats();

 private:
  OpenedBuffer open(const OpenHints& hints);
  void renew_memory(const Error& error);
  bool reopen(std::optional<Error> damage);
  bool try_file();
  Status move_some(std::uint64_t max_rows);
  void put_off(std::int64_t now_ms);

  std::string path_;
  BufferLimits limits_;
  FileLock lock_;
  Buffer buffer_;
  std::optional<Buffer> readable_;  // the file, while buffer_ is in RAM
  std::optional<Error> trouble_;
  OpenHints last_known_;  // of the file, while it is not open
  std::uint64_t first_gap_ = start_gap;
  bool locked_out_ = false;
  bool stream_begun_ = false;  // of the file
  bool works_again_ = false;   // readable_ takes rows
  int failed_reads_ = 0;       // in a row, of a file that this process had used
  std::int64_t retry_ms_ = 0;
  std::int64_t retry_interval_ms_ = 0;
};

// Moves at most `max_rows` waiting rows of `from` behind those of `to`, with schemas and boots.
// Their seqs stay if both are of one stream. A failure leaves each row in one of the two.
Status move_waiting_rows(Buffer& from, Buffer& to, std::uint64_t max_rows = UINT64_MAX);

}  // namespace godwit
