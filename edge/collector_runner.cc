#include "edge/collector_runner.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

// How often a source that never was there is looked for.
constexpr std::int64_t absent_interval_ms = 30'000;

std::int64_t next_aligned(std::int64_t now_ms, std::int64_t interval_ms) {
  return (now_ms / interval_ms + 1) * interval_ms;
}

}  // namespace

CollectorRunner::CollectorRunner(std::size_t index, const CollectorSpec& spec,
                                 CollectorSettings settings, const Host& host, Deliver deliver)
    : index_(index),
      spec_(spec),
      settings_(std::move(settings)),
      name_(collector_name(spec, settings_)),
      host_(host),
      deliver_(std::move(deliver)),
      collector_(spec.make(host, settings_)) {
  if (!spec.quick) thread_ = std::thread([this] { serve(); });
}

CollectorRunner::~CollectorRunner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void CollectorRunner::set_due(std::int64_t now_ms) {
  const bool absent = !ever_succeeded_ && last_error_ && last_error_->code == ErrorCode::no_data;
  const std::int64_t interval = settings_.interval.count();
  due_ms_ = next_aligned(absent ? now_ms + absent_interval_ms - interval : now_ms, interval);
}

CollectorResult CollectorRunner::collect() {
  CollectorResult result;
  result.index = index_;
  const std::int64_t start = steady_ms();
  result.status = collector_->collect(result.batch);
  result.seconds = static_cast<double>(steady_ms() - start) / 1000;
  result.boot_ms = host_.now().boot_ms;
  return result;
}

CollectorResult CollectorRunner::run(std::int64_t now_ms) {
  CollectorResult result = collect();
  ever_ran_ = true;
  set_due(now_ms);
  return result;
}

std::optional<CollectorResult> CollectorRunner::request(std::int64_t now_ms) {
  set_due(now_ms);
  {
    const std::lock_guard lock(mutex_);
    if (!busy_ && !wanted_) {
      wanted_ = true;
      requested_ms_ = now_ms;
      overrun_told_ = false;
      wake_.notify_one();
      return std::nullopt;
    }
  }
  const std::int64_t taken = now_ms - requested_ms_;
  if (overrun_told_ || taken <= settings_.deadline.count()) return std::nullopt;
  overrun_told_ = true;
  CollectorResult late;
  late.index = index_;
  late.boot_ms = now_ms;
  late.seconds = static_cast<double>(taken) / 1000;
  late.status =
      Error{ErrorCode::timeout, concat("no answer for ", taken, " ms, deadline ",
                                       settings_.deadline.count(), " ms; it goes on waiting")};
  return late;
}

void CollectorRunner::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    busy_ = true;
    lock.unlock();
    deliver_(collect());
    lock.lock();
    busy_ = false;
  }
}

void CollectorRunner::conclude(CollectorResult& result, std::optional<std::int64_t> wall_ms) {
  ever_ran_ = true;
  const bool ok = result.status.ok();
  const bool absent = !ok && result.status.error().code == ErrorCode::no_data;
  const std::string before = last_error_ ? last_error_->message : "";
  if (ok) {
    if (last_error_ && last_error_->code != ErrorCode::no_data) {
      log::info(name_, "works again");
    } else if (!ever_succeeded_) {
      log::info(name_, "found", {{"series", result.batch.size()}});
    }
    ever_succeeded_ = true;
    last_error_.reset();
    if (wall_ms) last_success_s_ = std::round(static_cast<double>(*wall_ms) / 1000);
  } else {
    last_error_ = result.status.error();
    if (before.empty() && absent) log::info(name_, last_error_->message);
    if (before.empty() && !absent) log::warning(name_, last_error_->message);
  }
  // A source that does not exist here is no failure, and has nothing to tell.
  if (absent && !ever_succeeded_) return;
  const Labels labels = {{"collector", name_}};
  result.batch.add("godwit_collector_success", labels, ok ? 1 : 0);
  result.batch.add("godwit_collector_duration_seconds", labels, result.seconds);
  if (last_success_s_ > 0) {
    result.batch.add("godwit_collector_last_success_timestamp_seconds", labels, last_success_s_);
  }
}

}  // namespace godwit
