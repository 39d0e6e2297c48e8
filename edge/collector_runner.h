// CollectorRunner: runs one collector when it is due and keeps what became of it. A quick collector
// runs on the owner's thread; another has a thread of its own, which is asked to run and hands its
// result to a callback, so that a slow or hanging source delays nobody. Everything but the callback
// is the owner thread's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "edge/collector.h"

namespace godwit {

struct CollectorResult {
  std::size_t index = 0;  // of the collector, as given to the runner
  Batch batch;
  Status status;
  std::int64_t boot_ms = 0;  // when the reading was complete
  double seconds = 0;        // how long it took
};

class CollectorRunner {
 public:
  // Called on the collector's own thread; must not block.
  using Deliver = std::function<void(CollectorResult&&)>;

  CollectorRunner(std::size_t index, const CollectorSpec& spec, CollectorSettings settings,
                  const Host& host, Deliver deliver);
  CollectorRunner(const CollectorRunner&) = delete;
  CollectorRunner& operator=(const CollectorRunner&) = delete;
  // Waits for a run that is under way, which ends at the collector's own deadline.
  ~CollectorRunner();

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] bool quick() const { return spec_.quick; }
  [[nodiscard]] std::int64_t due_ms() const { return due_ms_; }
  [[nodiscard]] const CollectorSettings& settings() const { return settings_; }

  // Runs a quick collector now. Sets the next due time.
  CollectorResult run(std::int64_t now_ms);
  // Asks the collector's thread to run, unless it still does. Sets the next due time. A run beyond
  // its deadline gives a `timeout` result, once.
  std::optional<CollectorResult> request(std::int64_t now_ms);

  // Takes note of a result and adds the collector's own metrics to its batch. `wall_ms` of the
  // result, if known.
  void conclude(CollectorResult& result, std::optional<std::int64_t> wall_ms);

  // Of the last run; nullopt before the first.
  [[nodiscard]] const std::optional<Error>& last_error() const { return last_error_; }
  [[nodiscard]] bool ever_ran() const { return ever_ran_; }
  [[nodiscard]] bool ever_succeeded() const { return ever_succeeded_; }

 private:
  void set_due(std::int64_t now_ms);
  CollectorResult collect();
  void serve();

  const std::size_t index_;
  const CollectorSpec& spec_;
  const CollectorSettings settings_;
  const std::string name_;
  const Host& host_;
  const Deliver deliver_;
  std::unique_ptr<Collector> collector_;

  // Owner thread.
  std::int64_t due_ms_ = 0;
  std::int64_t requested_ms_ = 0;
  bool overrun_told_ = false;
  bool ever_ran_ = false;
  bool ever_succeeded_ = false;
  double last_success_s_ = 0;
  std::optional<Error> last_error_;

  std::mutex mutex_;
  std::condition_variable wake_;
  // Protected by mutex_.
  bool wanted_ = false;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace godwit
