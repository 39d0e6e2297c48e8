// Salvage: moves what still reads of a damaged buffer file into a new one, under the same stream id
// and seqs, so that a relay knows what it has had. Used by buffer_open.cc. Tables: BUFFER.md.
//
// A bad page costs the rows on it. Each row is checked before it is taken: its frame decodes, says
// the same as the row's columns, and has its boot and its schemas. Bounded in time and memory.
#pragma once

#include <cstdint>
#include <string>

#include "edge/losses.h"
#include "transport/result.h"

namespace godwit {

// What the process that used the file still knows of it.
struct SalvageHints {
  std::uint64_t stream = 0;    // 0: not known
  std::uint64_t last_seq = 0;  // the highest that was stored
  std::uint64_t released = 0;  // up to here all is delivered
  LossWitness on_loss{};
};

struct Salvaged {
  std::uint64_t stream = 0;  // 0: nothing told it
  std::uint64_t rows = 0;
  std::uint64_t ticks = 0;
  std::uint64_t lost_ticks = 0;  // at most; counted as "damaged" in the new file
  bool more_lost = false;        // newer ones may be lost too: nothing tells
};

inline constexpr std::int64_t salvage_time_ms = 60'000;

// `to` is a buffer file without rows that nobody has open. On failure (`full`: no room for the
// rows) it is of no use. `from` is not changed, except that a destroyed first page is made anew.
Result<Salvaged> salvage(const std::string& from, const std::string& to, const SalvageHints& hints,
                         std::int64_t time_ms = salvage_time_ms);

// The file is a database of some other program, which must not be touched.
bool is_foreign_database(const std::string& path);

}  // namespace godwit
