#include "cloud/database_log.h"

#include <algorithm>

#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t query_repeat_ms = 3'600'000;

}  // namespace

void DatabaseLog::failed(std::string_view reason, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (failing_since_ms_ == 0) failing_since_ms_ = std::max<std::int64_t>(now_ms, 1);
  // A database that fails now and then is told of now and then.
  if (told_ms_ != 0 && now_ms - told_ms_ < repeat_ms) return;
  if (is_told_ && reason == told_) return;
  told_ms_ = std::max<std::int64_t>(now_ms, 1);
  told_ = reason;
  is_told_ = true;
  log::warning("write", "the database takes no samples; the nodes keep them", {{"reason", reason}});
}

void DatabaseLog::refused(int status, std::string_view reason, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (refusal_told_ms_ != 0 && now_ms - refusal_told_ms_ < repeat_ms) return;
  refusal_told_ms_ = std::max<std::int64_t>(now_ms, 1);
  log::warning("write", "the database refused samples; the rest goes on",
               {{"status", status}, {"answer", trim(reason).substr(0, 200)}});
}

void DatabaseLog::query_failed(std::string_view reason, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (query_told_ms_ != 0 && now_ms - query_told_ms_ < query_repeat_ms) return;
  query_told_ms_ = std::max<std::int64_t>(now_ms, 1);
  log::warning("write",
               "the database does not tell what it has of a refused frame; check query_url",
               {{"reason", reason}});
}

void DatabaseLog::worked(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (is_told_) {
    log::info("write", "the database takes samples again",
              {{"after_s", (now_ms - failing_since_ms_) / 1000}});
  }
  is_told_ = false;
  failing_since_ms_ = 0;
}

}  // namespace godwit
