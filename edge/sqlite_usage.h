// What SQLite wrote and synced in this process: a file system layer of SQLite that counts and hands
// everything on to the ordinary one. Used by sqlite.cc and by what the agent says of itself.
#pragma once

#include <cstdint>

namespace godwit {

struct SqliteUsage {
  std::uint64_t written_bytes = 0;
  std::uint64_t syncs = 0;
};

// Since the process started, over all connections. Any thread.
SqliteUsage sqlite_usage();

// Makes the counting layer the default of connections that are opened from now on. Idempotent; the
// first call is made before another thread uses SQLite.
void count_sqlite_usage();

}  // namespace godwit
