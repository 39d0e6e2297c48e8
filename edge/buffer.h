// Buffer: the readings that wait for delivery, one row per stored frame, in one SQLite file. Format
// and promises: BUFFER.md. Owner thread only. Concrete on purpose: tests use a real file.
//
// A row's bytes are an encoded frame (transport/frame.h) whose times are CLOCK_BOOTTIME
// milliseconds of the boot that the row names; the buffer looks into them only to make room.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "edge/buffer_front.h"
#include "edge/losses.h"
#include "edge/sqlite.h"
#include "edge/stored_frame.h"
#include "transport/frame.h"
#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

// What a kill and a power cut may cost (BUFFER.md, "Promises").
enum class Durability : std::uint8_t {
  balanced,     // a kill the tick being taken, a power cut the last sync_interval
  strict,       // neither more than the tick being taken
  spare_flash,  // both what is in RAM; nothing is written while rows are delivered in time
};

// As in the settings.
std::string_view durability_name(Durability durability);

struct BufferLimits {
  std::uint64_t max_bytes = 512U << 20;  // of the file and its WAL
  Durability durability = Durability::balanced;
  std::int64_t sync_interval_ms = 10'000;  // balanced
  std::int64_t grace_ms = 60'000;          // spare_flash: for how long a row may stay in RAM only
  LossWitness on_loss{};                   // may be empty; then no row is decoded for it
};

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// What is known of the wall clock of one boot (see boot_clock.h).
struct BootRecord {
  std::string boot_id;
  std::optional<std::int64_t> offset_ms;  // wall time minus boot time
  int quality = 0;                        // BootClock::Quality
};

struct BufferStats : RowSums {
  std::array<RowSums, max_row_level + 1> levels{};  // the same, by level
  std::uint64_t file_bytes = 0;                     // pages in use
  std::uint64_t syncs = 0;                          // waits for the disk, of this process
  std::uint64_t dead_ticks = 0;  // refused for good; the last ones lie in the dead-letter table
  std::map<std::string, LossCount> lost;  // by reason of losses.h, since the file was born
  std::map<std::string, std::uint64_t> dead_by_reason;

  // Ticks, as a frame declares them to the relay: "rejected" stands for what relays refused.
  [[nodiscard]] std::map<std::string, std::uint64_t> lost_by_reason() const;
};

// Where the tick journal of the buffer at `path` lies.
inline std::string journal_path(const std::string& path) { return path + ".ticks"; }

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
  void skip_to(std::uint64_t seq) { last_seq_ = std::max(last_seq_, seq); }
  // Up to here all is delivered.
  [[nodiscard]] std::uint64_t released() const { return released_; }
  // Goes on with another's stream and boots. Only while nothing was stored here.
  Status follow(Buffer& other);

  // Makes ticks that will be part of the next row as safe as the durability says. Replaces what was
  // held since the last append(), but for ticks up to settled_seq(), which are not to be handed in
  // again.
  Status hold(const StoredFrame& ticks);
  [[nodiscard]] std::uint64_t settled_seq() const { return front_.settled_seq(); }
  // Adds a row, to RAM at first; as safe as ticks that are held. On failure nothing changed.
  // `row.first_seq` must be above last_seq() (assert).
  Status append(const StoredFrame& row);
  // What is due by time: a sync, or moving rows to the file. Call it at least once a second.
  Status tend(std::int64_t boot_ms);
  // Moves the rows in RAM to the file, merged into few, in one synced commit, together with
  // everything released since the last one. Near the bound some old rows are merged, thinned or
  // dropped in the same commit: a little with each row, counted as "thinned" and "full".
  Status spill();
  // The rows that are not in the file; they are forgotten here, as if they had never been stored.
  // For a buffer that takes over.
  std::vector<StoredFrame> take_unspilled();
  // Ticks that open() found in the journal of a process that did not end cleanly.
  [[nodiscard]] std::uint64_t recovered_ticks() const { return recovered_ticks_; }

  // Waiting rows with last_seq > `after`, oldest first: at least one if there is any, then more
  // while bytes and ticks together stay within the bounds.
  Result<std::vector<StoredFrame>> peek(std::uint64_t after, std::uint64_t max_bytes,
                                        std::uint64_t max_ticks);

  // Everything up to `seq` is delivered. Cheap: rows leave the file with a later commit; a crash
  // before it means that they are sent once more.
  Status release(std::uint64_t seq);
  // Rows within these ranges are delivered although older ones wait. One commit, not synced: a
  // power cut may bring them back.
  Status release_ranges(const std::vector<SeqRange>& ranges);
  // Makes two rows of one that holds at least two ticks (assert), for a way that carries only small
  // messages. On failure nothing changed.
  Status split(const StoredFrame& row);
  // Rows from first to last will never be accepted: moved to the bounded dead-letter table.
  Status reject(std::uint64_t first, std::uint64_t last, std::string_view reason);
  // The rows of these seqs are on their way under the frame's own bytes: they are neither merged
  // nor thinned nor dropped until they are released, rejected, or others are pinned.
  void pin(std::uint64_t first, std::uint64_t last);
  // Deletes the oldest waiting row that is not pinned and counts its ticks under `reason`.
  Status drop_oldest(std::string_view reason);
  // Counts what never reached a row.
  Status count_dropped(std::uint64_t ticks, std::string_view reason, std::uint64_t samples = 0);
  // For losses that the buffer does not see itself.
  void tell_loss(std::string_view reason, const std::vector<std::uint64_t>& seqs) const;
  // The same for a whole row: the seqs of its frame, or all that a row which does not read may
  // hold.
  void tell_row_lost(const StoredFrame& row, std::string_view reason) const;
  // Oldest waiting row; not always with its bytes.
  Result<std::optional<StoredFrame>> oldest();
  Result<std::optional<StoredFrame>> oldest_not_pinned();
  // Newest waiting row with its bytes.
  Result<std::optional<StoredFrame>> newest();
  // Everything into the file and on the disk, releases made lasting. For a clean end.
  Status flush();

  // Schema messages, kept while a row or a kept schema's chain refers to them.
  Status put_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message);
  struct StoredSchema {
    std::optional<SchemaId> parent;
    std::string message;
  };
  Result<std::optional<StoredSchema>> schema(SchemaId id);
  // Whether frames of this schema can be read: it and all its parents are here and whole.
  Result<bool> has_schema(SchemaId id);
  // The series of `child` are those of `ancestor` and maybe more behind them.
  bool extends(SchemaId child, SchemaId ancestor);
  // Deletes the schemas that no waiting row and not `kept` needs; their ids.
  Result<std::vector<SchemaId>> drop_unused_schemas(std::optional<SchemaId> kept);

  Status put_boot(const BootRecord& boot);
  Result<std::vector<BootRecord>> boots();

  // No row waits.
  [[nodiscard]] bool empty() const { return stats_.rows + front_.sums().rows == 0; }
  [[nodiscard]] BufferStats stats();

 private:
  struct Run;
  using Levels = std::array<RowSums, max_row_level + 1>;
  static constexpr std::string_view row_columns =
      "f.last_seq, f.first_seq, b.boot_id, f.first_boot_ms, f.last_boot_ms, f.schema, f.ticks, "
      "f.level";
  // A row whose bytes changed on the medium is one that cannot be read.
  static constexpr std::string_view sound_bytes =
      "CASE WHEN f.sum IS NULL OR f.sum = crc32(f.bytes) THEN f.bytes ELSE x'' END";
  static constexpr int row_bytes_column = 8;  // where sound_bytes stands behind row_columns

  Buffer(Sqlite db, std::string path, const BufferLimits& limits, bool in_memory)
      : db_(std::move(db)), path_(std::move(path)), limits_(limits), in_memory_(in_memory) {}
  static Result<Buffer> prepare(Sqlite db, std::string path, const BufferLimits& limits,
                                bool in_memory);
  Status create_tables();
  Status load();
  Status delete_released();
  static StoredFrame read_row(const SqliteStatement& row);
  Status recover();
  Status retry_journal();
  Result<std::uint64_t> take_journalled(JournalContent&& found);
  Status reserve_seqs();
  Status spill_in_transaction();
  Result<std::vector<StoredFrame>> merge_front();
  Status delete_lasting();
  [[nodiscard]] std::uint64_t front_limit() const;
  // The seq behind which the rows in RAM begin.
  [[nodiscard]] std::uint64_t filed_seq() const;
  std::set<SchemaId> schemas_in_ram(std::optional<SchemaId> kept);
  Status store_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message);
  Status insert_row(const StoredFrame& row, std::int64_t boot);
  [[nodiscard]] std::uint64_t page_limit() const;
  Status make_room(std::uint64_t bytes);
  Status shrink();
  Result<bool> merge_some();
  Result<bool> merge_oldest(std::size_t level);
  Result<Run> read_run(std::size_t level);
  bool join(Run& run, const StoredFrame& row, std::size_t max_values);
  Status thin(Frame& frame);
  std::vector<bool> lasting_series(SchemaId id);
  Result<std::optional<StoredFrame>> oldest_in_file();  // that is not pinned
  Result<bool> drop_row(std::string_view reason);
  [[nodiscard]] bool is_pinned(const StoredFrame& row) const;
  Result<std::int64_t> boot_key(const std::string& boot_id);
  Status tell_rows_lost(std::uint64_t first, std::uint64_t last, std::string_view reason);
  Status add_to_state(std::string_view prefix, std::string_view reason, std::uint64_t ticks);
  Status set_state(std::string_view key, std::uint64_t value);
  Result<std::uint64_t> used_bytes();
  void add(std::size_t level, const RowSums& sums);
  void forget(std::size_t level, const RowSums& sums);
  // Of the rows that `where` tells by two seqs.
  Result<Levels> sums(std::string_view where, std::uint64_t first, std::uint64_t last);

  Sqlite db_;
  std::string path_;
  BufferLimits limits_;
  bool in_memory_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_seq_ = 0;
  std::uint64_t released_ = 0;        // rows up to here are delivered
  std::uint64_t deleted_ = 0;         // rows up to here are gone from the file
  std::uint64_t unwritten_rows_ = 0;  // released, still in the file
  std::uint64_t pinned_first_ = 0;    // none while above pinned_last_
  std::uint64_t pinned_last_ = 0;
  // Up to these seqs no row of the level is left, unless it was copied from another buffer.
  std::array<std::uint64_t, max_row_level + 1> searched_{};
  BufferFront front_;                // rows behind those of the file
  std::int64_t synced_boot_ms_ = 0;  // when the journal was synced last
  std::uint64_t reserved_ = 0;       // see reserve_seqs()
  std::uint64_t over_bytes_ = 0;     // in use while that is over a bound that was lowered; else 0
  std::uint64_t recovered_ticks_ = 0;
  std::int64_t journal_tried_boot_ms_ = 0;  // while there is none
  std::uint64_t opened_seq_ = 0;            // last_seq_ as it was found
  std::uint64_t own_seq_ = 0;               // the first of this process, 0 for none yet
  // spare_flash: schemas that only rows in RAM need.
  std::map<SchemaId, StoredSchema> ram_schemas_;
  BufferStats stats_;  // of the file
};

}  // namespace godwit
