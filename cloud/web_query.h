// What stands behind '?' of a request to /web/v1/: comes from anybody, bounded, and an Error rather
// than a guess. Used by web.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

inline constexpr std::size_t max_web_ids = 32;
inline constexpr std::int64_t max_web_points = 1000;

struct WebQuery {
  std::int64_t limit = 500;  // of events
  std::string node;          // "": none
  std::optional<std::int64_t> from_ms, to_ms, step_ms;
  std::vector<Series> ids;
};

// limit=<1..2000>, node=<name>, from_ms=, to_ms=, step_s=<seconds>, id=<series>, repeated; other
// keys are let be.
Result<WebQuery> parse_web_query(std::string_view query);

}  // namespace godwit
