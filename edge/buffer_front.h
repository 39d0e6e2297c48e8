// BufferFront: the newest rows of a Buffer, in RAM and not yet in its file. Rows that are delivered
// from here are never written there; the others are moved in few large rows (Buffer::spill). Unless
// flash is to be spared, what is here also lies in the tick journal. Owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "edge/stored_frame.h"
#include "edge/tick_journal.h"
#include "transport/result.h"

namespace godwit {

// A row as it was found in the journal, and whose it is.
struct JournalledRow {
  std::uint64_t stream = 0;
  StoredFrame row;
};

struct JournalContent {
  std::vector<JournalledRow> rows;  // oldest first within a stream
  // By stream: the seq up to which it is known to be delivered.
  std::map<std::uint64_t, std::uint64_t> released;
};

class BufferFront {
 public:
  // Without a journal nothing here survives the process.
  BufferFront() = default;
  explicit BufferFront(TickJournal journal) : journal_(std::move(journal)) {}

  [[nodiscard]] bool has_journal() const { return journal_.is_open(); }
  [[nodiscard]] JournalContent journalled() const;
  static Result<JournalContent> read_journal(const std::string& path);
  void erase_journal() { journal_.erase(); }

  // Journals ticks that will be part of the next row, in place of those of the last call unless
  // settled_seq() has reached them. `full`: no room until rows leave.
  Status hold(const StoredFrame& ticks, std::uint64_t stream, std::uint64_t released);
  // Ticks up to here are not to be handed to hold() again.
  [[nodiscard]] std::uint64_t settled_seq() const { return settled_seq_; }
  // What is held stays as it is; hold() goes on behind it.
  void settle();
  // Whether all ticks of a row have been held.
  [[nodiscard]] bool covers(const StoredFrame& row) const { return held_seq_ >= row.last_seq; }

  void append(const StoredFrame& row);
  // Takes back the last append().
  void undo_append();
  // `halves` take the place of the row that ends where they do. false: it is not here.
  bool replace(const std::vector<StoredFrame>& halves);
  // Rows up to `seq` go.
  RowSums release(std::uint64_t seq);
  // Rows that lie wholly within both seqs go, wherever they stand. Their journal is freed when the
  // rows before them have gone; a process that dies earlier sends them once more.
  void release_within(std::uint64_t first, std::uint64_t last);
  void clear() { (void)release(UINT64_MAX); }

  // Everything held survives a power cut.
  Status sync();
  [[nodiscard]] bool is_synced() const { return journal_.is_synced(); }
  [[nodiscard]] std::uint64_t journal_syncs() const { return journal_.syncs(); }

  struct Row {
    StoredFrame frame;
    std::uint64_t place = 0;  // in the journal
  };
  [[nodiscard]] const std::deque<Row>& rows() const { return rows_; }
  [[nodiscard]] const RowSums& sums() const { return sums_; }

 private:
  void free_journal();

  TickJournal journal_;
  std::deque<Row> rows_;
  RowSums sums_;
  std::string record_;   // entries of the journal's newest record whose rows are complete
  std::string growing_;  // the entry behind them
  std::uint64_t held_seq_ = 0;
  std::uint64_t settled_seq_ = 0;
  std::uint64_t growing_place_ = 0;
  bool is_growing_ = false;  // ticks are held that belong to no row yet
};

}  // namespace godwit
