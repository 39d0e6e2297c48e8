#include "cloud/database_probe.h"

#include <chrono>
#include <utility>

namespace godwit {

DatabaseProbe::DatabaseProbe(HttpGet get, Tell tell)
    : get_(std::move(get)), tell_(std::move(tell)), thread_([this] { run(); }) {}

DatabaseProbe::~DatabaseProbe() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DatabaseProbe::ask() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  changed_.notify_all();
}

void DatabaseProbe::run() {
  using std::chrono::milliseconds;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    asked_ = false;
    lock.unlock();
    tell_(learn_traits(get_));
    lock.lock();
    changed_.wait_for(lock, milliseconds(least_interval_ms), [this] { return stopping_; });
    changed_.wait_for(lock, milliseconds(interval_ms - least_interval_ms),
                      [this] { return stopping_ || asked_; });
  }
}

}  // namespace godwit
