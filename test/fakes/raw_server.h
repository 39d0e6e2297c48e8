// A TCP server on a thread of its own that does with each connection what the test says: for peers
// that break off, trickle, or never stop. One connection at a time.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace godwit::test {

class RawServer {
 public:
  // The descriptor is closed afterwards. The request's head was read; `stopping` tells to return.
  using Serve = std::function<void(int fd, const std::string& request)>;

  explicit RawServer(Serve serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    listen(listener_, 8);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    stopping_ = true;
    thread_.join();
    close(listener_);
  }

  [[nodiscard]] std::string url(const std::string& path = "/metrics") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] bool stopping() const { return stopping_; }

  // false: the peer is gone.
  static bool say(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Until the peer closes, or the test ends.
  void wait_for_end(int fd) const {
    char byte = 0;
    while (!stopping_ && recv(fd, &byte, 1, MSG_DONTWAIT) != 0) usleep(5000);
  }

 private:
  void run() {
    while (!stopping_) {
      pollfd item{listener_, POLLIN, 0};
      if (poll(&item, 1, 20) != 1) continue;
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      std::string request;
      char byte = 0;
      while (request.find("\r\n\r\n") == std::string::npos && recv(fd, &byte, 1, 0) == 1) {
        request += byte;
      }
      serve_(fd, request);
      close(fd);
    }
  }

  Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // last: uses the rest
};

}  // namespace godwit::test
