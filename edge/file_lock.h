// FileLock: one process at a time. Held until destruction or the end of the process, however that
// comes. Used by BufferKeeper: two agents on one buffer would send under the same seqs.
#pragma once

#include <string>
#include <utility>

#include "transport/result.h"

namespace godwit {

class FileLock {
 public:
  // Creates the file at `path`. `unavailable`: another process holds it; the text says which.
  static Result<FileLock> take(const std::string& path);
  FileLock() = default;
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

  [[nodiscard]] bool held() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace godwit
