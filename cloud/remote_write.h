// RemoteWrite: the threads that carry requests to the database, so that the relay's owner thread
// never waits for HTTP. Each thread has one connection and one job at a time; whoever submits takes
// care that no node is in two jobs at once, which keeps the order per series.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cloud/delivery.h"

namespace godwit {

class RemoteWrite {
 public:
  // Called on a sender's thread, once per job. Must not block and must not call back.
  using Done = std::function<void(std::vector<UnitOutcome>&&)>;

  // One thread per post. `cancel` becomes true when stop() has waited long enough; the posts watch
  // it (HttpClientOptions::cancelled). All arguments live longer than this.
  RemoteWrite(std::vector<HttpPost> posts, const DeliveryOptions& options, Done done,
              std::atomic<bool>& cancel);
  RemoteWrite(const RemoteWrite&) = delete;
  RemoteWrite& operator=(const RemoteWrite&) = delete;
  ~RemoteWrite();  // stop(0)

  // Hands the units to a free sender. false: none is free, nothing was taken. Never blocks.
  bool submit(std::vector<WriteUnit>&& units);
  [[nodiscard]] std::size_t free_senders() const;
  [[nodiscard]] std::size_t senders() const { return senders_.size(); }

  // Pauses between tries end now, running requests get `grace_ms`, then they are cut. Every job
  // that was taken reports to `done` before this returns. Idempotent.
  void stop(std::int64_t grace_ms);

  [[nodiscard]] const DeliveryStats& stats() const { return stats_; }

 private:
  struct Sender {
    std::optional<std::vector<WriteUnit>> job;  // guarded by mutex_
    bool busy = false;                          // guarded by mutex_
    std::thread thread;
  };
  void run(Sender& sender, HttpPost post, const DeliveryOptions& options);
  bool pause(std::int64_t ms);

  DeliveryStats stats_;
  Done done_;
  std::atomic<bool>& cancel_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // a job came, a sender became free, or stopping
  bool stopping_ = false;            // guarded by mutex_
  std::vector<std::unique_ptr<Sender>> senders_;
};

}  // namespace godwit
