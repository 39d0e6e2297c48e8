#include "edge/read_all.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

Reading read_once(const AgentSettings::Choice& choice, const Host& host) {
  Reading reading;
  reading.name = collector_name(*choice.spec, choice.settings);
  reading.collector = choice.spec->name;
  const auto start = std::chrono::steady_clock::now();
  const auto collector = choice.spec->make(host, choice.settings);
  Batch batch;
  reading.status = collector->collect(batch);
  reading.samples = batch.take();
  reading.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return reading;
}

// Slow collectors end on threads that may outlive their deadline; what they write to lives on with
// them.
struct Pending {
  std::mutex mutex;
  std::condition_variable done;
  std::vector<std::optional<Reading>> readings;  // protected by mutex
};

Reading overdue(const AgentSettings::Choice& choice) {
  Reading reading;
  reading.name = collector_name(*choice.spec, choice.settings);
  reading.collector = choice.spec->name;
  reading.status =
      Error{ErrorCode::timeout, concat("no answer within ", choice.settings.deadline.count(),
                                       " ms; raise collectors.", choice.spec->name,
                                       ".deadline if it "
                                       "only needs longer")};
  return reading;
}

}  // namespace

std::vector<Reading> read_all(const std::vector<const AgentSettings::Choice*>& choices,
                              const Host& host) {
  const auto pending = std::make_shared<Pending>();
  pending->readings.resize(choices.size());
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i]->spec->quick) continue;
    // Copies: the thread may still run when this function has returned.
    std::thread([pending, i, host, choice = *choices[i]] {
      Reading reading = read_once(choice, host);
      const std::lock_guard lock(pending->mutex);
      pending->readings[i] = std::move(reading);
      pending->done.notify_all();
    }).detach();
  }
  std::vector<Reading> all(choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i]->spec->quick) all[i] = read_once(*choices[i], host);
  }
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i]->spec->quick) continue;
    std::unique_lock lock(pending->mutex);
    // Some slack, so that a collector that keeps its deadline can say so itself.
    const auto end = start + choices[i]->settings.deadline + std::chrono::milliseconds(500);
    const bool came = pending->done.wait_for(lock, end - std::chrono::steady_clock::now(),
                                             [&] { return pending->readings[i].has_value(); });
    all[i] = came ? std::move(*pending->readings[i]) : overdue(*choices[i]);
  }
  return all;
}

}  // namespace godwit
