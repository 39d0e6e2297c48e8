// EventFd: wakes a thread that sleeps in poll(). Used by MqttLink and HttpServer.
#pragma once

#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/unique_fd.h"

namespace godwit {

class EventFd {
 public:
  EventFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // Readable after raise() and until clear().
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Any thread, never blocks. Several raises are one.
  void raise() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is at its end, and then it is raised.
    [[maybe_unused]] const ssize_t ignored = write(fd(), &one, sizeof one);
  }
  void clear() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = read(fd(), &count, sizeof count);
  }

 private:
  UniqueFd fd_;
};

}  // namespace godwit
