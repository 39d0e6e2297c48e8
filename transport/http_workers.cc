#include "transport/http_workers.h"

namespace godwit {

HttpWorkers::HttpWorkers(std::size_t threads, const HttpServer::Handler& handler,
                         const EventFd& wake)
    : handler_(handler), wake_(wake) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

HttpWorkers::~HttpWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void HttpWorkers::ask(std::uint64_t connection, HttpRequest request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.emplace_back(connection, std::move(request));
  }
  changed_.notify_one();
}

std::vector<HttpWorkers::Answer> HttpWorkers::take_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void HttpWorkers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !requests_.empty(); });
    if (stopping_) return;
    auto [connection, request] = std::move(requests_.front());
    requests_.pop_front();
    lock.unlock();
    HttpResponse response = handler_(request);
    lock.lock();
    answers_.push_back({connection, request.method == "HEAD", std::move(response)});
    wake_.raise();
  }
}

}  // namespace godwit
