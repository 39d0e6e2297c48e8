#include "edge/file_lock.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "transport/text.h"

namespace godwit {

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

Result<FileLock> FileLock::take(const std::string& path) {
  FileLock lock;
  lock.fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (lock.fd_ < 0) {
    const int number = errno;
    const bool forbidden = number == EACCES || number == EROFS || number == EPERM;
    return Error{forbidden          ? ErrorCode::permission
                 : number == ENOSPC ? ErrorCode::full
                                    : ErrorCode::io,
                 concat(path, ": ", std::generic_category().message(number))};
  }
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 16> holder{};
    const ssize_t size = pread(lock.fd_, holder.data(), holder.size(), 0);
    const std::string_view pid(holder.data(), static_cast<std::size_t>(size > 0 ? size : 0));
    return Error{ErrorCode::unavailable,
                 concat(path, ": another godwit-agent", pid.empty() ? "" : " (process ", trim(pid),
                        pid.empty() ? "" : ")", " uses this buffer")};
  }
  // For the message above only; nothing depends on it.
  const std::string pid = concat(getpid(), "\n");
  if (ftruncate(lock.fd_, 0) == 0) (void)!pwrite(lock.fd_, pid.data(), pid.size(), 0);
  return lock;
}

}  // namespace godwit
