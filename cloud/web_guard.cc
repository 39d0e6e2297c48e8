#include "cloud/web_guard.h"

#include <algorithm>

#include "transport/digest.h"
#include "transport/log.h"
#include "transport/secret_file.h"
#include "transport/text.h"

namespace godwit {

void WebGuard::Bucket::fill(double per_s, double at_once, std::int64_t now_ms) {
  const auto waited_ms = static_cast<double>(std::max<std::int64_t>(0, now_ms - at_ms));
  left = std::min(at_once, left + waited_ms / 1000 * per_s);
  at_ms = now_ms;
}

bool WebGuard::Bucket::take(double per_s, double at_once, std::int64_t now_ms) {
  fill(per_s, at_once, now_ms);
  if (left < 1) return false;
  left -= 1;
  return true;
}

WebGuard::Address& WebGuard::find_or_add(const std::string& address, std::int64_t now_ms) {
  if (const auto known = addresses_.find(address); known != addresses_.end()) return known->second;
  if (addresses_.size() >= limits_.addresses) {
    addresses_.erase(
        std::min_element(addresses_.begin(), addresses_.end(), [](const auto& a, const auto& b) {
          return a.second.requests.at_ms < b.second.requests.at_ms;
        }));
  }
  const Address fresh{{limits_.requests_at_once, now_ms}, {limits_.failures_at_once, now_ms}};
  return addresses_.emplace(address, fresh).first->second;
}

// Every token is compared, whole, so that time tells nothing.
bool WebGuard::is_known(const HttpRequest& request) const {
  if (options_.certificates_ask && request.has_certificate) return true;
  constexpr std::string_view scheme = "bearer ";
  if (options_.token_file.empty() || request.authorization.size() <= scheme.size() ||
      to_lower(request.authorization.substr(0, scheme.size())) != scheme) {
    return false;
  }
  const auto tokens = read_secret_file(options_.token_file);
  if (!tokens) {
    log::error("web", tokens.error().with_prefix("web.auth.bearer_token_file").message);
    return false;
  }
  const std::string told =
      sha256(trim(std::string_view(request.authorization).substr(scheme.size())));
  bool known = false;
  for (const std::string_view line : split_lines(*tokens)) {
    const std::string_view token = trim(line);
    if (!token.empty() && equal_in_constant_time(told, sha256(token))) known = true;
  }
  return known;
}

std::optional<int> WebGuard::refuse(const HttpRequest& request, bool open, std::int64_t now_ms) {
  {
    const std::lock_guard lock(mutex_);
    Address& address = find_or_add(request.peer, now_ms);
    if (!address.requests.take(limits_.requests_per_s, limits_.requests_at_once, now_ms)) {
      return 429;
    }
    if (open || !on()) return std::nullopt;
    address.failures.fill(limits_.failures_per_s, limits_.failures_at_once, now_ms);
    if (address.failures.left < 1) return 429;
  }
  if (is_known(request)) return std::nullopt;
  // A page that has no token yet asks without one: that is no try.
  if (request.authorization.empty()) return 401;
  const std::lock_guard lock(mutex_);
  find_or_add(request.peer, now_ms).failures.left -= 1;
  return 401;
}

}  // namespace godwit
