// Reads all that can be read of one table of a damaged SQLite file, by its integer key: from both
// ends, then from the middle of what is left, until only the keys on bad pages remain. Used by
// salvage.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "edge/sqlite.h"
#include "transport/result.h"

namespace godwit {

// Both ends in.
struct KeyRange {
  std::int64_t first = INT64_MIN;
  std::int64_t last = INT64_MAX;
};

struct TableWalk {
  std::string table;
  std::string key;      // column 0 of what is visited
  std::string columns;  // the others
  KeyRange range{};
  std::int64_t deadline_ms = INT64_MAX;  // steady_ms()
};

// Each row is visited once, not in order. Returns the ranges in which something could not be read;
// fails only when `visit` does.
using RowVisitor = std::function<Status(const SqliteStatement& row)>;
Result<std::vector<KeyRange>> walk_table(Sqlite& db, const TableWalk& walk,
                                         const RowVisitor& visit);

}  // namespace godwit
