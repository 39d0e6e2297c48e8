#include "cloud/stored_samples.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <nlohmann/json.hpp>

#include "cloud/request_parts.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t widest_span_ms = std::int64_t{7} * 24 * 3600 * 1000;

Error unreadable(std::string_view what) {
  return Error{ErrorCode::invalid, concat("the answer of the query API: ", what)};
}

// [seconds, "text"]
bool read_point(const Json& point, StoredSamples::Points& out) {
  if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_string()) {
    return false;
  }
  const double seconds = point[0].get<double>();
  const auto value = parse_double(point[1].get_ref<const std::string&>());
  if (!value || !(std::abs(seconds) < 1e12)) return false;
  out.emplace_back(std::llround(seconds * 1000), *value);
  return true;
}

}  // namespace

std::string quote_label(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out + "\"";
}

Result<StoredSamples> StoredSamples::parse(std::string_view answer) {
  const Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object()) return unreadable("no JSON");
  const auto data = json.find("data");
  if (data == json.end() || !data->is_object()) return unreadable("no data");
  const auto result = data->find("result");
  if (result == data->end() || !result->is_array()) return unreadable("no data.result");
  StoredSamples stored;
  for (const auto& one : *result) {
    if (!one.is_object()) return unreadable("a result that is no object");
    const auto metric = one.find("metric");
    const auto values = one.find("values");
    if (metric == one.end() || values == one.end() || !metric->is_object() || !values->is_array()) {
      return unreadable("a result without metric or values");
    }
    Labels labels;  // JSON objects are sorted by name here, as labels are
    for (const auto& [name, value] : metric->items()) {
      if (!value.is_string()) return unreadable("a label that is no text");
      labels.push_back({name, value.get<std::string>()});
    }
    Points& points = stored.series_[std::move(labels)];
    for (const auto& point : *values) {
      if (!read_point(point, points)) return unreadable("a value that is no pair of time and text");
    }
    std::sort(points.begin(), points.end());
  }
  return stored;
}

const StoredSamples::Points* StoredSamples::find(const Labels& labels) const {
  const auto found = series_.find(labels);
  return found == series_.end() ? nullptr : &found->second;
}

bool StoredSamples::holds(const Points& points, std::int64_t time_ms, double value) {
  auto at =
      std::lower_bound(points.begin(), points.end(), time_ms,
                       [](const auto& point, std::int64_t time) { return point.first < time; });
  for (; at != points.end() && at->first == time_ms; ++at) {
    if (at->second == value || (std::isnan(at->second) && std::isnan(value))) return true;
  }
  return false;
}

Result<StoredSamples> find_stored(const HttpGet& get, std::string_view body) {
  const BodyExtent extent = measure_body(body);
  if (extent.oldest_ms < 0 || extent.newest_ms - extent.oldest_ms > widest_span_ms) {
    return Error{ErrorCode::invalid, "the frame spans too long a time to ask for what is stored"};
  }
  std::string selector;
  for (const auto& [name, value] : extent.labels) {
    // Not by job: the series of name sets have others.
    if (name == "instance") selector = concat("{", name, "=", quote_label(value));
  }
  // A range is open at its left end since Prometheus 3.0.
  const std::int64_t range_ms = extent.newest_ms - extent.oldest_ms + 1;
  const std::string query = concat(selector, "}[", range_ms, "ms]");
  const std::int64_t seconds = extent.newest_ms / 1000;
  const std::string millis = concat(1000 + extent.newest_ms % 1000).substr(1);
  const auto reply =
      get(concat("/api/v1/query?query=", percent_encode(query), "&time=", seconds, ".", millis));
  if (!reply) return reply.error();
  if (reply->status != 200) {
    return Error{ErrorCode::unavailable,
                 concat("the query API answers with HTTP status ", reply->status, ": ",
                        trim(reply->body).substr(0, 200))};
  }
  return StoredSamples::parse(reply->body);
}

}  // namespace godwit
