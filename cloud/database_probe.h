// DatabaseProbe: a thread that asks the database for its traits, so that the relay's owner thread
// never waits for HTTP: at start, when asked to, and every half a minute, because a database may be
// started anew with other settings.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "cloud/database_traits.h"

namespace godwit {

class DatabaseProbe {
 public:
  // Called on the probe's thread after each try. Must not block.
  using Tell = std::function<void(Result<DatabaseTraits>&&)>;

  static constexpr std::int64_t interval_ms = 30'000;
  static constexpr std::int64_t least_interval_ms = 1000;

  DatabaseProbe(HttpGet get, Tell tell);
  DatabaseProbe(const DatabaseProbe&) = delete;
  DatabaseProbe& operator=(const DatabaseProbe&) = delete;
  ~DatabaseProbe();  // ends when the running call of `get` does

  // Again, within a second or so. Any thread, never blocks.
  void ask();

 private:
  void run();

  HttpGet get_;
  Tell tell_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;     // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace godwit
