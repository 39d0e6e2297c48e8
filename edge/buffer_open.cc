#include "edge/buffer_open.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "edge/salvage.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;

Buffer memory_buffer(const BufferLimits& limits) {
  BufferLimits bounded = limits;
  bounded.max_bytes = std::min(limits.max_bytes, max_memory_buffer_bytes);
  auto buffer = Buffer::open_in_memory(bounded);
  if (!buffer) {
    // Only for want of a few pages of memory; nothing can go on without.
    log::error("buffer", buffer.error().message);
    std::abort();
  }
  return std::move(*buffer);
}

struct File {
  std::optional<Buffer> buffer;
  Status usable;  // can be read and written
};

File open_file(const std::string& path, const BufferLimits& limits) {
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) {
    return {std::nullopt,
            Error{ErrorCode::permission, concat(folder.string(), ": ", error.message())}};
  }
  auto buffer = Buffer::open(path, limits);
  if (!buffer) return {std::nullopt, buffer.error()};
  // A file that can be read and not written is no buffer.
  Status usable = buffer->flush();
  if (!usable) usable = usable.error().with_prefix(path);
  return {std::move(*buffer), std::move(usable)};
}

void remove_database(const std::string& path) {
  std::error_code ignored;
  for (const char* end : {"", "-wal", "-shm", ".ticks"}) fs::remove(path + end, ignored);
}

std::uint64_t bytes_of(const std::string& path) {
  std::uint64_t sum = 0;
  for (const char* end : {"", "-wal"}) {
    std::error_code error;
    const auto size = fs::file_size(path + end, error);
    if (!error) sum += size;
  }
  return sum;
}

// What earlier damage left, by number.
std::map<std::int64_t, std::string> damaged_files(const std::string& path) {
  std::map<std::int64_t, std::string> found;
  std::error_code error;
  const std::string prefix = concat(fs::path(path).filename().string(), ".damaged-");
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (const auto n = parse_int(std::string_view(name).substr(prefix.size()))) {
      found[*n] = concat(path, ".damaged-", *n);
    }
  }
  return found;
}

std::string salvage_path(const std::string& path) { return path + ".salvage"; }

// An earlier process may have ended while it salvaged.
void finish_salvage(const std::string& path) {
  const std::string made = salvage_path(path);
  std::error_code error;
  if (!fs::exists(made, error)) return;
  if (fs::exists(path, error)) {
    remove_database(made);  // may be a part only
  } else {
    fs::rename(made, path, error);
  }
}

Result<Salvaged> salvage_into(const std::string& path, const std::string& made,
                              const BufferLimits& limits, const OpenHints& hints) {
  remove_database(made);
  {
    auto fresh = Buffer::open(made, limits);
    if (!fresh) return fresh.error();
  }
  return salvage(path, made, {hints.stream, hints.last_seq, hints.released, limits.on_loss});
}

void tell(const Salvaged& saved, const std::string& reason) {
  log::error("buffer", "the file was damaged; what reads was moved to a new one",
             {{"reason", reason},
              {"salvaged_rows", saved.rows},
              {"salvaged_ticks", saved.ticks},
              {"lost_ticks", saved.lost_ticks},
              {"more_lost", saved.more_lost ? "unknown" : "none"}});
}

// Until the new file has its name, the damaged one has its own: a failure in between loses nothing.
Status heal(const std::string& path, const BufferLimits& limits, const OpenHints& hints,
            const Error& damage) {
  if (is_foreign_database(path)) {
    return Error{ErrorCode::invalid,
                 concat(path,
                        " is a database of another program; it is left alone. Move it away "
                        "or set buffer.path")};
  }
  std::error_code unknown;
  const auto bytes = fs::file_size(path, unknown);
  // It may take a while.
  log::warning("buffer", "the file is damaged: what reads is moved to a new one",
               {{"file", path}, {"bytes", unknown ? 0 : bytes}});
  const std::string made = salvage_path(path);
  auto saved = salvage_into(path, made, limits, hints);
  if (!saved && saved.error().code == ErrorCode::full) {
    for (const auto& [n, old] : damaged_files(path)) remove_database(old);
    saved = salvage_into(path, made, limits, hints);
  }
  if (saved && saved->rows == 0 && damage.code != ErrorCode::corrupt) {
    saved = damage;  // it may read another time
  }
  if (!saved) {
    remove_database(made);
    return saved.error().with_prefix(
        concat(path, " is damaged, and what reads of it cannot be moved to a new file"));
  }
  if (Status aside = set_damaged_aside(path); !aside) {
    remove_database(made);
    return aside;
  }
  std::error_code error;
  fs::rename(made, path, error);
  std::error_code ignored;
  fs::remove(journal_path(made), ignored);
  if (error) return Error{ErrorCode::io, concat(made, ": cannot be renamed: ", error.message())};
  tell(*saved, damage.message);
  return {};
}

}  // namespace

Status set_damaged_aside(const std::string& path) {
  std::error_code error;
  auto files = damaged_files(path);
  const std::int64_t n = files.empty() ? 1 : files.rbegin()->first + 1;
  const std::string aside = concat(path, ".damaged-", n);
  // The WAL first: it would be replayed into a new file of the old name.
  fs::rename(path + "-wal", aside + "-wal", error);
  fs::rename(path, aside, error);
  if (error) {
    std::error_code ignored;
    fs::rename(aside + "-wal", path + "-wal", ignored);
    return Error{ErrorCode::io, concat(path, ": cannot be set aside: ", error.message())};
  }
  fs::remove(path + "-shm", error);
  files[n] = aside;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    bytes += bytes_of(file->second);
    if (++count > max_damaged_files || bytes > max_damaged_bytes) remove_database(file->second);
  }
  return {};
}

OpenedBuffer open_buffer(const std::string& path, const BufferLimits& limits,
                         const OpenHints& hints) {
  if (path.empty()) return {memory_buffer(limits), {}, {}, false};
  finish_salvage(path);
  File file;
  if (hints.damage) {
    file.usable = *hints.damage;
  } else {
    file = open_file(path, limits);
  }
  bool salvaged = false;
  if (!file.usable && (hints.damage || file.usable.error().code == ErrorCode::corrupt)) {
    file.buffer.reset();
    const Status healed = heal(path, limits, hints, file.usable.error());
    salvaged = healed.ok();
    if (healed) {
      file = open_file(path, limits);
    } else {
      file.usable = healed.error();
    }
  }
  if (file.buffer && file.usable) return {std::move(*file.buffer), {}, {}, salvaged};
  return {memory_buffer(limits), file.usable.error(), std::move(file.buffer), salvaged};
}

}  // namespace godwit
