// WebGuard: who may read at web.listen, and how often. Tokens lie in a file that is read at each
// use; a verified client certificate serves as well. Requests and failed tries are limited by
// address, in a bounded table. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "transport/http_server.h"

namespace godwit {

struct WebGuardOptions {
  std::string token_file;         // one token per line; "": none is asked for
  bool certificates_ask = false;  // a client certificate is a way in, and needed without a token
};

struct WebGuardLimits {
  double requests_per_s = 50, requests_at_once = 500;
  double failures_per_s = 0.2, failures_at_once = 10;
  std::size_t addresses = 4096;  // the one that was quiet for the longest gives way
};

class WebGuard {
 public:
  explicit WebGuard(WebGuardOptions options, WebGuardLimits limits = {})
      : options_(std::move(options)), limits_(limits) {}

  // Whether it asks for anything.
  [[nodiscard]] bool on() const {
    return !options_.token_file.empty() || options_.certificates_ask;
  }
  // The status to refuse with: 429, or 401. nullopt: go on. `open`: no data is in the answer.
  std::optional<int> refuse(const HttpRequest& request, bool open, std::int64_t now_ms);

 private:
  // Tries that are left, filled up over time.
  struct Bucket {
    double left = 0;
    std::int64_t at_ms = 0;
    bool take(double per_s, double at_once, std::int64_t now_ms);
    void fill(double per_s, double at_once, std::int64_t now_ms);
  };
  struct Address {
    Bucket requests, failures;
  };
  [[nodiscard]] bool is_known(const HttpRequest& request) const;
  Address& find_or_add(const std::string& address, std::int64_t now_ms);

  const WebGuardOptions options_;
  const WebGuardLimits limits_;
  std::mutex mutex_;
  std::unordered_map<std::string, Address> addresses_;  // protected by mutex_
};

}  // namespace godwit
