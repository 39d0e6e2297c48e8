// HttpWorkers: the threads on which an HttpServer's handler may block. Its queue is as bounded as
// the server's connections, which have one request in it at most.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "transport/event_fd.h"
#include "transport/http_server.h"

namespace godwit {

class HttpWorkers {
 public:
  // `wake` is raised for each answer. It and `handler` outlive the workers.
  HttpWorkers(std::size_t threads, const HttpServer::Handler& handler, const EventFd& wake);
  HttpWorkers(const HttpWorkers&) = delete;
  HttpWorkers& operator=(const HttpWorkers&) = delete;
  // Waits for the calls that run; drops what waits.
  ~HttpWorkers();

  // `connection` is given back with the answer.
  void ask(std::uint64_t connection, HttpRequest request);
  struct Answer {
    std::uint64_t connection;
    bool is_head;
    HttpResponse response;
  };
  std::vector<Answer> take_answers();

 private:
  void run();

  const HttpServer::Handler& handler_;
  const EventFd& wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by mutex_.
  bool stopping_ = false;
  std::deque<std::pair<std::uint64_t, HttpRequest>> requests_;
  std::vector<Answer> answers_;
  std::vector<std::thread> threads_;  // last: they use the others
};

}  // namespace godwit
