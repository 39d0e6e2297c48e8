#include "edge/host.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/text.h"

namespace godwit {
namespace {

Error os_error(int error_number, std::string_view path) {
  ErrorCode code = ErrorCode::io;
  if (error_number == ENOENT || error_number == ENOTDIR || error_number == ENODEV) {
    code = ErrorCode::no_data;
  } else if (error_number == EACCES || error_number == EPERM) {
    code = ErrorCode::permission;
  } else if (error_number == EAGAIN) {
    code = ErrorCode::unavailable;
  }
  return {code, concat(path, ": ", std::generic_category().message(error_number))};
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Host::Host(std::string root, Clock clock) : root_(std::move(root)), clock_(std::move(clock)) {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
  if (root_.empty()) root_ = "/";
}

std::string Host::path(std::string_view absolute) const {
  return root_ == "/" ? std::string(absolute) : concat(root_, absolute);
}

Result<std::string> Host::read_file(std::string_view absolute, std::size_t limit) const {
  const std::string full = path(absolute);
  const FileDescriptor file(open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return os_error(errno, full);
  std::string content;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t n = read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(errno, full);
    if (n == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(n));
    if (content.size() > limit) {
      return Error{ErrorCode::invalid, concat(full, ": larger than ", limit, " bytes")};
    }
  }
}

Result<std::string> Host::read_line(std::string_view absolute) const {
  auto content = read_file(absolute, 64U << 10);
  if (!content) return content.error();
  const std::string_view text = *content;
  return std::string(trim(text.substr(0, text.find('\n'))));
}

Result<std::int64_t> Host::read_int(std::string_view absolute) const {
  const auto line = read_line(absolute);
  if (!line) return line.error();
  const auto value = parse_int(*line);
  if (!value) {
    return Error{ErrorCode::invalid,
                 concat(path(absolute), ": ", quote_for_message(*line), " is no integer")};
  }
  return *value;
}

Result<std::vector<std::string>> Host::list(std::string_view absolute) const {
  const std::string full = path(absolute);
  DIR* const dir = opendir(full.c_str());
  if (dir == nullptr) return os_error(errno, full);
  std::vector<std::string> names;
  // readdir is safe on a DIR of one's own.
  while (const dirent* entry = readdir(dir)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

bool Host::exists(std::string_view absolute) const {
  struct stat info {};
  return stat(path(absolute).c_str(), &info) == 0;
}

Result<std::string> Host::link_name(std::string_view absolute) const {
  const std::string full = path(absolute);
  std::array<char, 4096> target;
  const ssize_t n = readlink(full.c_str(), target.data(), target.size());
  if (n < 0) return os_error(errno, full);
  const std::string_view text(target.data(), static_cast<std::size_t>(n));
  return std::string(text.substr(text.rfind('/') + 1));
}

}  // namespace godwit
