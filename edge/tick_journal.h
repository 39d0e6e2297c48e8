// TickJournal: what a killed process, or a power cut after sync(), must not lose of the readings
// that are not in the buffer's file yet. Used by BufferFront. Format and reasons: BUFFER.md.
//
// A small file of fixed size, written through a shared mapping: a record is in the kernel's hands
// when hold() returns, without a write() (fstat() alone, to see that nobody made the file shorter:
// to touch a mapping behind its end would end the process), and on the disk after sync(). Records
// go round the file; each starts at a block of its own, so that what is written between two syncs
// costs one block as long as it fits into one. The newest record may be rewritten as it grows: two
// copies take turns, so that one is whole at any instant. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct JournalRecord {
  std::uint64_t stream = 0;
  std::uint64_t released = 0;  // seq up to which the stream was delivered when it was written
  std::string content;
};

class TickJournal {
 public:
  static constexpr std::size_t default_size = 512U << 10;

  // Creates the file when it is missing or shorter; its room is written once, so that no later
  // write meets a full disk. Without a file (open failed, moved from) hold() is refused as
  // `unavailable`.
  static Result<TickJournal> open(const std::string& path, std::size_t size = default_size);
  // The intact records of a file that another process may be writing.
  static Result<std::vector<JournalRecord>> read(const std::string& path);
  TickJournal() = default;
  TickJournal(TickJournal&& other) noexcept;
  TickJournal& operator=(TickJournal&& other) noexcept;
  ~TickJournal();

  [[nodiscard]] bool is_open() const { return data_ != nullptr; }
  // The intact records, oldest first. Those that were freed may still be among them.
  [[nodiscard]] std::vector<JournalRecord> records() const;

  // Writes `record`, in place of the last one unless settle() came in between. `full`: it does not
  // fit beside the records that are not freed; the last one stays. `unavailable`: there is no
  // journal, or none any more because somebody made its file shorter.
  Status hold(const JournalRecord& record);
  // What was held stays; the next hold() begins another record.
  void settle();
  // Settles, and blocks until everything held is on the disk.
  Status sync();
  [[nodiscard]] bool is_synced() const { return synced_; }
  // How often sync() had to wait for the disk.
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }

  // Places of records, in bytes written ever. Room before `place` may be written over.
  [[nodiscard]] std::uint64_t place() const { return base_; }
  void free_before(std::uint64_t place) { freed_ = place; }
  // Writes over all of it. Only when nothing in it is needed.
  void erase();

 private:
  [[nodiscard]] bool is_whole() const;
  [[nodiscard]] bool reserve(std::size_t size);
  void write_copy(const JournalRecord& record, std::size_t size);

  int fd_ = -1;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  // base_, freed_: places; a place modulo size_ is an offset. freed_ <= base_ <= freed_ + size_.
  std::uint64_t base_ = 0;  // of the record being held
  std::uint64_t freed_ = 0;
  std::size_t stride_ = 0;    // distance of its two copies; 0: nothing is held
  std::uint64_t number_ = 0;  // of the record
  std::uint32_t version_ = 0;
  std::uint64_t syncs_ = 0;
  bool synced_ = true;
};

}  // namespace godwit
