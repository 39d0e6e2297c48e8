// DatabaseTraits: what the relay can learn of the database behind remote-write by asking it: how
// old a sample it takes, and whether it takes samples older than a series' last. Sources:
// Prometheus' /api/v1/status/{buildinfo,config}; VictoriaMetrics' /flags and its header
// X-Server-Hostname; Mimir and Thanos tell their name at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/http_client.h"

namespace godwit {

struct DatabaseTraits {
  std::string product{};  // for people, "" when it does not tell
  bool out_of_order_ok = false;
  bool order_is_known = false;  // false: it did not tell, and out_of_order_ok is a guess
  // How far behind the present it takes samples out of order; 0: any age, or not known.
  std::int64_t out_of_order_window_ms = 0;
  // Older samples vanish although the answer is 2xx; 0: none do, or not known.
  std::int64_t retention_ms = 0;

  bool operator==(const DatabaseTraits&) const = default;
};

// Blocks as `get` does. Error: nobody answers as one of them does.
Result<DatabaseTraits> learn_traits(const HttpGet& get);

// The base of the query API that belongs to a remote-write URL: without /api/v1/write; Mimir's
// /api/v1/push has it under /prometheus. "" when the URL is neither.
std::string derive_query_url(std::string_view write_url);

// "1h30m", "15d", "0s", "200ms" (Prometheus); nullopt for anything else.
std::optional<std::int64_t> parse_prometheus_duration(std::string_view text);
// "1", "1.5" (months of 31 days), "36h", "10d", "2w", "1y" (VictoriaMetrics).
std::optional<std::int64_t> parse_retention(std::string_view text);

}  // namespace godwit
