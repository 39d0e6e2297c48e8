// Buffer: the readings that wait for delivery, one row per stored frame, in one SQLite file. Format
// and promises: BUFFER.md. Owner thread only. Concrete on purpose: tests use a real file.
//
// A row's bytes are an encoded frame (transport/frame.h) whose times are CLOCK_BOOTTIME
// milliseconds of the boot that the row names; the buffer never looks into them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/losses.h"
#include "edge/sqlite.h"
#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

struct BufferLimits {
  std::uint64_t max_bytes = 512U << 20;    // pages in use of the file
  std::int64_t sync_interval_ms = 10'000;  // 0: every commit is synced to the disk
  LossWitness on_loss{};                   // may be empty; then no row is decoded for it
};

struct StoredFrame {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::string boot_id;
  std::int64_t first_boot_ms = 0;
  std::int64_t last_boot_ms = 0;
  SchemaId schema = 0;
  std::uint64_t ticks = 0;
  std::string bytes;
};

// What is known of the wall clock of one boot (see boot_clock.h).
struct BootRecord {
  std::string boot_id;
  std::optional<std::int64_t> offset_ms;  // wall time minus boot time
  int quality = 0;                        // BootClock::Quality
};

struct BufferStats {
  std::uint64_t rows = 0;
  std::uint64_t ticks = 0;
  std::uint64_t bytes = 0;       // of the frames
  std::uint64_t file_bytes = 0;  // pages in use
  std::uint64_t dead_ticks = 0;  // refused for good; the last ones lie in the dead-letter table
  std::map<std::string, std::uint64_t> dropped_ticks;  // by reason, since the file was born
  std::map<std::string, std::uint64_t> dead_by_reason;
};

class Buffer {
 public:
  // Opens or creates `path`. corrupt: the file is damaged. invalid: a newer agent wrote it.
  static Result<Buffer> open(const std::string& path, const BufferLimits& limits);
  // In RAM: same behaviour, gone with the process.
  static Result<Buffer> open_in_memory(const BufferLimits& limits);
  // For looking at the buffer of a running agent. Every change fails.
  static Result<Buffer> open_read_only(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool in_memory() const { return in_memory_; }
  // Random, never 0, born with the file: the stream id of all its frames.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  // The highest seq that was ever stored; 0 for none.
  [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }
  // Leaves a gap of `count` seqs. After a power cut a row that was sent may have been rolled back;
  // its seqs must not come again with other readings, which the relay would take for repeats.
  void skip_seqs(std::uint64_t count) { last_seq_ += count; }

  // Stores a row in one commit, together with everything released since the last one. When the
  // bound is reached the oldest rows go first, counted as "full". On failure nothing changed.
  // `row.first_seq` must be above last_seq() (assert).
  Status append(const StoredFrame& row);

  // Waiting rows with last_seq > `after`, oldest first: at least one if there is any, then more
  // while bytes and ticks together stay within the bounds.
  Result<std::vector<StoredFrame>> peek(std::uint64_t after, std::uint64_t max_bytes,
                                        std::uint64_t max_ticks);

  // Everything up to `seq` is delivered. Cheap: the rows leave the file with the next commit; a
  // crash before it means that they are sent once more.
  Status release(std::uint64_t seq);
  // Rows from first to last will never be accepted: moved to the bounded dead-letter table.
  Status reject(std::uint64_t first, std::uint64_t last, std::string_view reason);
  // Deletes the oldest waiting row and counts its ticks under `reason`.
  Status drop_oldest(std::string_view reason);
  // Counts ticks that never reached a row.
  Status count_dropped(std::uint64_t ticks, std::string_view reason);
  // For losses that the buffer does not see itself.
  void tell_loss(std::string_view reason, const std::vector<std::uint64_t>& seqs) const;
  // Oldest waiting row without its bytes.
  Result<std::optional<StoredFrame>> oldest();
  // Makes releases lasting, syncs, and moves the WAL into the file. For a clean end.
  Status flush();

  // Schema messages, kept while a row or a kept schema's chain refers to them.
  Status put_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message);
  struct StoredSchema {
    std::optional<SchemaId> parent;
    std::string message;
  };
  Result<std::optional<StoredSchema>> schema(SchemaId id);
  // Deletes the schemas that no waiting row and not `kept` needs; their ids.
  Result<std::vector<SchemaId>> drop_unused_schemas(std::optional<SchemaId> kept);

  Status put_boot(const BootRecord& boot);
  Result<std::vector<BootRecord>> boots();

  // No row waits.
  [[nodiscard]] bool empty() const { return stats_.rows == 0; }
  [[nodiscard]] BufferStats stats();

 private:
  Buffer(Sqlite db, std::string path, const BufferLimits& limits, bool in_memory)
      : db_(std::move(db)), path_(std::move(path)), limits_(limits), in_memory_(in_memory) {}
  static Result<Buffer> prepare(Sqlite db, std::string path, const BufferLimits& limits,
                                bool in_memory);
  Status create_tables();
  Status load();
  Status delete_released();
  Status make_room();
  Status choose_sync(std::int64_t boot_ms);
  Result<std::int64_t> boot_key(const std::string& boot_id);
  Status tell_rows_lost(std::uint64_t first, std::uint64_t last, std::string_view reason);
  Status add_to_state(std::string_view prefix, std::string_view reason, std::uint64_t ticks);
  Status set_state(std::string_view key, std::uint64_t value);
  Result<std::uint64_t> used_bytes();
  void forget(std::uint64_t rows, std::uint64_t ticks, std::uint64_t bytes);

  Sqlite db_;
  std::string path_;
  BufferLimits limits_;
  bool in_memory_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_seq_ = 0;
  std::uint64_t released_ = 0;                  // rows up to here are delivered
  std::uint64_t deleted_ = 0;                   // rows up to here are gone from the file
  std::uint64_t unwritten_rows_ = 0;            // released, still in the file
  std::optional<std::int64_t> synced_boot_ms_;  // tick time of the last synced commit
  bool full_sync_ = false;
  std::map<std::string, std::int64_t> boot_keys_;
  BufferStats stats_;
};

}  // namespace godwit
