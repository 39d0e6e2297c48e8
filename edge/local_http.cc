#include "edge/local_http.h"

#include <utility>

#include "transport/exposition.h"
#include "transport/naming/name_plan.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t longest_turn_ms = 60'000;

}  // namespace

void LocalStatus::put(std::string_view collector, std::vector<Sample>&& samples) {
  // The old readings are freed outside the lock.
  std::vector<Sample> old = std::move(samples);
  const std::lock_guard lock(mutex_);
  std::swap(readings_[std::string(collector)], old);
}

void LocalStatus::turn(std::int64_t steady_now_ms, std::string not_ready) {
  const std::lock_guard lock(mutex_);
  turned_ms_ = steady_now_ms;
  not_ready_ = std::move(not_ready);
}

void LocalStatus::set_debug(std::string json) {
  const std::lock_guard lock(mutex_);
  debug_ = std::move(json);
}

std::vector<Sample> LocalStatus::readings() const {
  std::vector<Sample> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [collector, samples] : readings_) {
    all.insert(all.end(), samples.begin(), samples.end());
  }
  return all;
}

HttpResponse LocalStatus::answer(const HttpRequest& request, std::int64_t steady_now_ms) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "only GET and HEAD\n"};
  }
  if (request.path == "/metrics") {
    return {.content_type = std::string(exposition_content_type),
            .body = expose(rename_samples(readings(), node_, naming_))};
  }
  const std::lock_guard lock(mutex_);
  if (request.path == "/healthz") {
    const std::int64_t still = steady_now_ms - turned_ms_;
    if (still <= longest_turn_ms) return {.body = "ok\n"};
    return {.status = 503, .body = concat("the main loop stands still for ", still, " ms\n")};
  }
  if (request.path == "/readyz") {
    if (not_ready_.empty()) return {.body = "ok\n"};
    return {.status = 503, .body = concat(not_ready_, "\n")};
  }
  if (request.path == "/debug") return {.content_type = "application/json", .body = debug_};
  if (request.path == "/") {
    return {.body = concat("godwit-agent ", GODWIT_VERSION,
                           "\n/metrics\n/healthz\n/readyz\n/conditions\n/debug\n")};
  }
  return {.status = 404, .body = "not found; see /\n"};
}

}  // namespace godwit
