// Raw TCP for tests: a client that says what it likes, and a proxy that cuts or swallows.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "transport/event_fd.h"
#include "transport/unique_fd.h"

namespace godwit::test {

// Connects to 127.0.0.1 or throws.
class TcpClient {
 public:
  explicit TcpClient(int port);

  // false when the other side is gone.
  bool send(std::string_view bytes) const;
  // Appends what comes to received() until it holds `text`, the other side closes or time is over.
  bool read_until(std::string_view text,
                  std::chrono::milliseconds limit = std::chrono::seconds(10));
  // Reads until the other side closes; false when time is over.
  bool read_to_end(std::chrono::milliseconds limit = std::chrono::seconds(10));
  [[nodiscard]] const std::string& received() const { return received_; }
  void finish_sending() const;

 private:
  enum class Read { some, end, nothing };
  Read read_some(std::chrono::steady_clock::time_point until);

  UniqueFd socket_;
  std::string received_;
};

// Listens on a free port of 127.0.0.1 and forwards to `target_port`.
class TcpProxy {
 public:
  explicit TcpProxy(int target_port);
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  [[nodiscard]] int port() const { return port_; }
  // Closes every connection that there is, as a pulled cable or a killed program would in the end.
  void cut();
  // Takes connections and bytes, and forwards none.
  void swallow(bool on);
  // Takes connections and closes them at once.
  void refuse(bool on) { refusing_ = on; }

 private:
  struct Pair {
    UniqueFd client;
    UniqueFd server;
  };
  void run(int target_port);

  UniqueFd listener_;
  int port_ = 0;
  EventFd wake_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> cutting_ = false;
  std::atomic<bool> swallowing_ = false;
  std::atomic<bool> refusing_ = false;
  std::thread thread_;
};

}  // namespace godwit::test
