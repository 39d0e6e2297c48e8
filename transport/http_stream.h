// HttpStream: an answer of an HttpServer without an end (server-sent events). Other threads feed
// it, the server's thread empties it; it is shared because either side may be gone first. Bounded:
// a reader that falls too far behind is disconnected.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace godwit {

class EventFd;

class HttpStream {
 public:
  // One text may be read by many.
  using Text = std::shared_ptr<const std::string>;

  // A single text may be larger.
  explicit HttpStream(std::size_t max_queued_bytes) : max_queued_bytes_(max_queued_bytes) {}

  // Any thread, never blocks. False: closed, now or before.
  bool send(Text text);
  // What waits still goes out. Any thread.
  void close();
  [[nodiscard]] bool closed() const;

  // The server's side: who is woken when there is something to do, until detach().
  void attach(const EventFd& wake);
  void detach();
  // nullptr: nothing waits.
  Text take();
  [[nodiscard]] bool overflowed() const;
  // There is something to take, or an end to see.
  [[nodiscard]] bool ready() const;

 private:
  const std::size_t max_queued_bytes_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  std::deque<Text> queue_;
  std::size_t queued_bytes_ = 0;
  const EventFd* wake_ = nullptr;
  bool closed_ = false;
  bool overflowed_ = false;
};

}  // namespace godwit
