#include "cloud/remote_write.h"

#include <algorithm>
#include <chrono>

namespace godwit {

RemoteWrite::RemoteWrite(std::vector<HttpPost> posts, const DeliveryOptions& options, Done done,
                         std::atomic<bool>& cancel)
    : done_(std::move(done)), cancel_(cancel) {
  for (auto& post : posts) {
    auto& sender = *senders_.emplace_back(std::make_unique<Sender>());
    sender.thread = std::thread(
        [this, &sender, post = std::move(post), options] { run(sender, post, options); });
  }
}

RemoteWrite::~RemoteWrite() { stop(0); }

bool RemoteWrite::submit(std::vector<WriteUnit>&& units) {
  {
    const std::lock_guard lock(mutex_);
    const auto free = std::find_if(senders_.begin(), senders_.end(),
                                   [](const auto& sender) { return !sender->busy; });
    if (free == senders_.end() || stopping_) return false;
    (*free)->job = std::move(units);
    (*free)->busy = true;
  }
  changed_.notify_all();
  return true;
}

std::size_t RemoteWrite::free_senders() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(senders_.begin(), senders_.end(),
                                                [](const auto& sender) { return !sender->busy; }));
}

void RemoteWrite::run(Sender& sender, HttpPost post, const DeliveryOptions& options) {
  Delivery delivery(
      std::move(post), options, [this](std::int64_t ms) { return pause(ms); }, stats_);
  for (;;) {
    std::vector<WriteUnit> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return sender.job.has_value() || stopping_; });
      if (!sender.job) return;
      job = std::move(*sender.job);
      sender.job.reset();
    }
    auto outcomes = delivery.deliver(std::move(job));
    {
      // Free before the report, so that whoever reads the report can submit at once.
      const std::lock_guard lock(mutex_);
      sender.busy = false;
    }
    done_(std::move(outcomes));
    changed_.notify_all();
  }
}

bool RemoteWrite::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_; });
}

void RemoteWrite::stop(std::int64_t grace_ms) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::milliseconds(grace_ms), [this] {
      return std::none_of(senders_.begin(), senders_.end(),
                          [](const auto& sender) { return sender->busy; });
    });
  }
  cancel_ = true;
  for (auto& sender : senders_) {
    if (sender->thread.joinable()) sender->thread.join();
  }
}

}  // namespace godwit
