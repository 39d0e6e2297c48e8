#include "transport/http_stream.h"

#include <utility>

#include "transport/event_fd.h"

namespace godwit {

bool HttpStream::send(Text text) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  if (!queue_.empty() && queued_bytes_ + text->size() > max_queued_bytes_) {
    closed_ = overflowed_ = true;
    queue_.clear();
  } else {
    queued_bytes_ += text->size();
    queue_.push_back(std::move(text));
  }
  if (wake_ != nullptr) wake_->raise();
  return !closed_;
}

void HttpStream::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (wake_ != nullptr) wake_->raise();
}

bool HttpStream::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void HttpStream::attach(const EventFd& wake) {
  const std::lock_guard lock(mutex_);
  wake_ = &wake;
}

void HttpStream::detach() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
  closed_ = true;
  queue_.clear();
}

HttpStream::Text HttpStream::take() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  Text text = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= text->size();
  return text;
}

bool HttpStream::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

bool HttpStream::ready() const {
  const std::lock_guard lock(mutex_);
  return closed_ || !queue_.empty();
}

}  // namespace godwit
