#include "edge/buffer_open.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

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

Result<Buffer> open_file(const std::string& path, const BufferLimits& limits) {
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) {
    return Error{ErrorCode::permission, concat(folder.string(), ": ", error.message())};
  }
  auto buffer = Buffer::open(path, limits);
  if (!buffer) return buffer;
  // A file that can be read and not written is no buffer.
  if (Status status = buffer->flush(); !status) return status.error().with_prefix(path);
  return buffer;
}

}  // namespace

Status set_damaged_aside(const std::string& path) {
  std::error_code error;
  std::int64_t highest = 0;
  std::vector<std::int64_t> numbers;
  const std::string prefix = concat(fs::path(path).filename().string(), ".damaged-");
  for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (const auto n = parse_int(std::string_view(name).substr(prefix.size()))) {
      numbers.push_back(*n);
      highest = std::max(highest, *n);
    }
  }
  fs::rename(path, concat(path, ".damaged-", highest + 1), error);
  if (error) return Error{ErrorCode::io, concat(path, ": cannot set aside: ", error.message())};
  // A WAL of the damaged file would be replayed into the new one.
  fs::rename(path + "-wal", concat(path, ".damaged-", highest + 1, "-wal"), error);
  fs::remove(path + "-shm", error);
  for (const std::int64_t n : numbers) {
    if (n > highest + 1 - max_damaged_files) continue;
    fs::remove(concat(path, ".damaged-", n), error);
    fs::remove(concat(path, ".damaged-", n, "-wal"), error);
  }
  return {};
}

OpenedBuffer open_buffer(const std::string& path, const BufferLimits& limits) {
  if (path.empty()) return {memory_buffer(limits), std::nullopt};
  auto buffer = open_file(path, limits);
  if (!buffer && buffer.error().code == ErrorCode::corrupt) {
    const Status aside = set_damaged_aside(path);
    log::error("buffer",
               aside ? "the file is damaged; set aside, a new one is begun"
                     : "the file is damaged and cannot be set aside",
               {{"reason", buffer.error().message}});
    if (aside) buffer = open_file(path, limits);
  }
  if (buffer) return {std::move(*buffer), std::nullopt};
  return {memory_buffer(limits), buffer.error()};
}

}  // namespace godwit
