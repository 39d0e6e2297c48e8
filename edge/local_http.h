// What a node shows on its own address: /metrics (the latest readings, by
// the names that were asked for), /healthz (the loop turns),
// /readyz (it collects and stores), /debug (state as JSON). Filled by the agent's thread, read by
// the HTTP server's.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transport/http_server.h"
#include "transport/metric.h"
#include "transport/naming/name_set.h"

namespace godwit {

class LocalStatus {
 public:
  explicit LocalStatus(std::string node = {}, Naming naming = {})
      : node_(std::move(node)), naming_(std::move(naming)) {}

  // Replaces the readings of one collector; empty removes them. Any thread.
  void put(std::string_view collector, std::vector<Sample>&& samples);
  // `not_ready`: why /readyz says no; empty when it says yes. Any thread.
  void turn(std::int64_t steady_now_ms, std::string not_ready);
  void set_debug(std::string json);

  // Any thread.
  [[nodiscard]] HttpResponse answer(const HttpRequest& request, std::int64_t steady_now_ms) const;

 private:
  [[nodiscard]] std::vector<Sample> readings() const;

  const std::string node_;
  const Naming naming_;  // of /metrics
  mutable std::mutex mutex_;
  // Protected by mutex_.
  std::map<std::string, std::vector<Sample>, std::less<>> readings_;
  std::int64_t turned_ms_ = 0;
  std::string not_ready_ = "starting";
  std::string debug_ = "{}";
};

}  // namespace godwit
