#include "edge/sqlite_usage.h"

#include <atomic>
#include <map>
#include <mutex>

#include <sqlite3.h>

namespace godwit {
namespace {

std::atomic<std::uint64_t> written_bytes = 0;
std::atomic<std::uint64_t> syncs = 0;
sqlite3_vfs* ordinary = nullptr;
sqlite3_vfs counting;
// SQLite has a few sets of file methods; each gets a copy that counts. Lives as long as the
// process.
struct Methods {
  const sqlite3_io_methods* original = nullptr;
  sqlite3_io_methods counting{};
};
std::mutex mutex;  // of both
std::map<const sqlite3_io_methods*, Methods> by_original;
std::map<const sqlite3_io_methods*, const sqlite3_io_methods*> original_of;

const sqlite3_io_methods& original(const sqlite3_file* file) {
  const std::lock_guard lock(mutex);
  return *original_of.at(file->pMethods);
}

int count_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  written_bytes += static_cast<std::uint64_t>(size);
  return original(file).xWrite(file, data, size, at);
}

int count_sync(sqlite3_file* file, int flags) {
  ++syncs;
  return original(file).xSync(file, flags);
}

int open_counting(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int result = ordinary->xOpen(ordinary, name, file, flags, out_flags);
  if (result != SQLITE_OK || file->pMethods == nullptr) return result;
  const std::lock_guard lock(mutex);
  Methods& methods = by_original[file->pMethods];
  if (methods.original == nullptr) {
    methods.original = file->pMethods;
    methods.counting = *file->pMethods;
    methods.counting.xWrite = count_write;
    methods.counting.xSync = count_sync;
    original_of[&methods.counting] = methods.original;
  }
  file->pMethods = &methods.counting;
  return result;
}

}  // namespace

SqliteUsage sqlite_usage() { return {written_bytes, syncs}; }

void count_sqlite_usage() {
  if (ordinary != nullptr) return;
  ordinary = sqlite3_vfs_find(nullptr);
  if (ordinary == nullptr) return;
  counting = *ordinary;
  counting.pNext = nullptr;
  counting.zName = "counting";
  counting.xOpen = open_counting;
  (void)sqlite3_vfs_register(&counting, 1);
}

}  // namespace godwit
