// TickJournal: records of ticks that are not yet in a row of the buffer, so that a killed process
// loses at most the tick being taken while SQLite gets one commit per flush. Format: BUFFER.md.
//
// A small file of fixed size, written through a shared mapping: a record is in the kernel's hands
// when append() returns, without a write(), and reaches the disk when the kernel writes the
// page back or at sync(). A mapping, because write() would touch the inode at every tick, which
// costs more on ext4 than the ticks themselves. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

class TickJournal {
 public:
  // Creates the file when it is missing or no journal; its room is reserved on the disk. Without a
  // file (open failed, moved from) every append is refused as `unavailable`.
  static Result<TickJournal> open(const std::string& path, std::size_t size = 1U << 20);
  TickJournal() = default;
  TickJournal(TickJournal&& other) noexcept;
  TickJournal& operator=(TickJournal&& other) noexcept;
  ~TickJournal();

  [[nodiscard]] bool is_open() const { return data_ != nullptr; }
  // Intact records since the last reset, oldest first. Damage ends the list.
  [[nodiscard]] std::vector<std::string> replay() const;

  // `full` when there is no room until reset(). `unavailable`: there is no journal, or none any
  // more because somebody made its file shorter.
  Status append(std::string_view record);
  // Starts over; what was there is stored elsewhere.
  void reset();
  // Blocks until everything appended is on the disk.
  Status sync();

 private:
  [[nodiscard]] bool is_whole() const;

  int fd_ = -1;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t end_ = 0;  // where the next record goes
  std::uint32_t generation_ = 0;
};

}  // namespace godwit
