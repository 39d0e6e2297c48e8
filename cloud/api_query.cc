#include "cloud/api_query.h"

#include <algorithm>
#include <cmath>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view root = "/api/v1/metrics/";
constexpr std::size_t max_name_bytes = 253;  // of Kubernetes
constexpr std::int64_t least_step_ms = 1000;
constexpr std::int64_t chosen_moments = 120;
constexpr std::int64_t chosen_least_step_ms = 15'000;
constexpr double newest_seconds = 253'402'300'799;  // of the year 9999

Error wrong(std::string_view key, std::string_view value, std::string_view expected) {
  return {ErrorCode::invalid, concat(key, "=", quote_for_message(value), ": expected ", expected)};
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && text.size() - i > 2
                          ? parse_int<unsigned>(text.substr(i + 1, 2), 16)
                          : std::nullopt;
    if (byte) i += 2;
    // '+' stays: it is in times.
    out += byte ? static_cast<char>(*byte) : text[i];
  }
  return out;
}

std::optional<std::int64_t> parse_moment(std::string_view text) {
  if (const auto seconds = parse_double(text)) {
    if (!(*seconds >= 0) || *seconds > newest_seconds) return std::nullopt;
    return std::llround(*seconds * 1000);
  }
  return parse_rfc3339(text);
}

}  // namespace

Result<ApiTarget> parse_api_path(std::string_view path) {
  using Kind = ApiTarget::Kind;
  const Error missing = {ErrorCode::no_data, "404 page not found"};
  if (!path.starts_with(root)) return missing;
  path.remove_prefix(root.size());
  const auto parts = split(path, '/');
  const auto too_long = [](std::string_view part) { return part.size() > max_name_bytes; };
  if (std::any_of(parts.begin(), parts.end(), too_long)) return missing;
  const std::string_view what = parts[0];
  if (parts.size() == 1) {
    if (what == "cluster") return ApiTarget{Kind::cluster, {}, {}, {}};
    if (what == "nodes") return ApiTarget{Kind::nodes, {}, {}, {}};
    if (what == "pods") return ApiTarget{Kind::pods, {}, {}, {}};
    if (what == "network") return ApiTarget{Kind::network, {}, {}, {}};
    if (what == "snapshot") return ApiTarget{Kind::snapshot, {}, {}, {}};
    return missing;
  }
  if (what == "nodes" && parts.size() == 2) {
    if (parts[1].empty()) return Error{ErrorCode::invalid, "Node name is required"};
    return ApiTarget{Kind::node, std::string(parts[1]), {}, {}};
  }
  if (what == "pods" && parts.size() <= 3) {
    if (parts.size() < 3 || parts[1].empty() || parts[2].empty()) {
      return Error{ErrorCode::invalid, "Pod namespace and name are required"};
    }
    return ApiTarget{Kind::pod, {}, std::string(parts[1]), std::string(parts[2])};
  }
  return missing;
}

Result<ApiQuery> parse_api_query(std::string_view query) {
  ApiQuery out;
  bool has_step = false;
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string value =
        equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1));
    if (key == "at") {
      out.at_ms = parse_moment(value);
      if (!out.at_ms) return wrong(key, value, "seconds since 1970 or 2026-01-02T03:04:05Z");
    } else if (key == "range") {
      out.range_ms = parse_api_duration(value);
      if (!out.range_ms || *out.range_ms > max_api_range_ms) {
        return wrong(key, value, "a duration of up to 31d, as 15m or 1h");
      }
    } else if (key == "step") {
      const auto step_ms = parse_api_duration(value);
      if (!step_ms || *step_ms < least_step_ms) return wrong(key, value, "a duration from 1s");
      out.step_ms = *step_ms;
      has_step = true;
    }
  }
  if (!out.range_ms) {
    if (has_step) return Error{ErrorCode::invalid, "step needs range"};
    return out;
  }
  if (!has_step) {
    const std::int64_t seconds = (*out.range_ms / chosen_moments + 999) / 1000;
    out.step_ms = std::max(seconds * 1000, chosen_least_step_ms);
  }
  if (*out.range_ms / out.step_ms >= max_api_moments) {
    return Error{ErrorCode::invalid,
                 concat("range / step: more than ", max_api_moments, " moments")};
  }
  return out;
}

std::optional<std::int64_t> parse_api_duration(std::string_view text) {
  double unit_s = 1;
  if (!text.empty()) {
    constexpr std::string_view units = "smhdw";
    constexpr double seconds[] = {1, 60, 3600, 86'400, 604'800};
    if (const auto unit = units.find(text.back()); unit != std::string_view::npos) {
      unit_s = seconds[unit];
      text.remove_suffix(1);
      if (text.ends_with('m') && unit == 0) {  // "ms"
        unit_s = 0.001;
        text.remove_suffix(1);
      }
    }
  }
  const auto number = parse_double(text);
  if (!number || !(*number > 0) || *number * unit_s > 1e9) return std::nullopt;
  const std::int64_t ms = std::llround(*number * unit_s * 1000);
  return ms > 0 ? std::optional(ms) : std::nullopt;
}

}  // namespace godwit
