// What a request to the HTTP API asks for: its path and the text behind '?'. Both come from
// anybody: bounded, and an Error rather than a guess. Used by api.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

struct ApiTarget {
  enum class Kind : std::uint8_t { cluster, nodes, node, pods, pod, network, snapshot };
  Kind kind = Kind::cluster;
  std::string node;              // of `node`
  std::string name_space, name;  // of `pod`
};

// Error: invalid is a name that is missing, no_data a path that does not exist. `path` is decoded.
Result<ApiTarget> parse_api_path(std::string_view path);

// Which moments. Without `at` and `range`: the present one.
struct ApiQuery {
  std::optional<std::int64_t> at_ms;     // the moment, or the end of the range
  std::optional<std::int64_t> range_ms;  // how far back from there
  std::int64_t step_ms = 0;              // between moments of the range; 0: ours to choose
};

inline constexpr std::int64_t max_api_range_ms = std::int64_t{31} * 86'400'000;
inline constexpr std::int64_t max_api_moments = 240;

// at=<seconds since 1970 or RFC 3339>, range=<duration>, step=<duration>; other keys are let be.
// The step is filled in where there is a range.
Result<ApiQuery> parse_api_query(std::string_view query);

// "90s", "15m", "1.5h", "7d", "2w"; a bare number is seconds. Positive.
std::optional<std::int64_t> parse_api_duration(std::string_view text);

}  // namespace godwit
