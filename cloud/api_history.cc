#include "cloud/api_history.h"

#include <algorithm>
#include <limits>

#include "cloud/api_model.h"
#include "transport/catalog.h"
#include "transport/text.h"

namespace godwit {
namespace {

std::string seconds_text(std::int64_t ms) {
  return concat(ms / 1000, ".", concat(1000 + ms % 1000).substr(1));
}

// What makes VictoriaMetrics answer as Prometheus does: with what came in the last 30 s
// (version 1.79 only where the step is a minute or more), at the very moments that were asked for,
// and with what is up to 5 minutes old. Prometheus passes it over.
constexpr std::string_view as_prometheus = "&nocache=1&latency_offset=1s&max_lookback=5m";
constexpr std::int64_t step_of_one_moment_ms = 60'000;

}  // namespace

std::string selector_of(const HistoryOptions& options, Labels labels) {
  if (!options.target.job.empty()) labels.push_back({"job", options.target.job});
  labels.insert(labels.end(), options.target.external.begin(), options.target.external.end());
  std::string out;
  for (const auto& label : labels) out += concat(label.name, "=", quote_label(label.value), ",");
  return out;
}

Result<StoredSamples> query_range(const HistoryOptions& options, const Moments& moments,
                                  std::string_view expression) {
  const bool is_one = moments.first_ms == moments.last_ms;
  const auto reply = options.get(concat(
      "/api/v1/query_range?query=", percent_encode(expression),
      "&start=", seconds_text(moments.first_ms), "&end=", seconds_text(moments.last_ms),
      "&step=", seconds_text(is_one ? step_of_one_moment_ms : moments.step_ms), as_prometheus));
  if (!reply) return reply.error();
  if (reply->status != 200) {
    return Error{ErrorCode::unavailable,
                 concat("the database answers with HTTP status ", reply->status, ": ",
                        quote_for_message(trim(reply->body), 200))};
  }
  return StoredSamples::parse(reply->body);
}

bool is_label_of_relay(std::string_view name, const TargetLabels& target) {
  return name == "job" || name == "instance" || name == "__name__" ||
         std::any_of(target.external.begin(), target.external.end(),
                     [&](const Label& other) { return other.name == name; });
}

Result<History> History::ask(const HistoryOptions& options, const Moments& moments,
                             const Labels& labels) {
  if (!options.get) return Error{ErrorCode::unavailable, "query_url is not known"};
  const std::string selector = selector_of(options, labels);
  std::string names;
  for (const auto& name : gauges_of_api()) names += concat(names.empty() ? "" : "|", name);
  History history;
  const auto gauges =
      query_range(options, moments, concat("{", selector, "__name__=~\"", names, "\"}"));
  if (!gauges) return gauges.error();
  history.add(*gauges, {}, options.target);
  for (const auto& name : rates_of_api()) {
    // Of the time of CPUs, what is idle.
    const std::string_view mode = name.starts_with("node_cpu") ? "mode=~\"idle|iowait\"" : "";
    const auto rates =
        query_range(options, moments, concat("rate(", name, "{", selector, mode, "}[5m])"));
    if (!rates) return rates.error();
    history.add(*rates, name, options.target);
  }
  return history;
}

void History::add(const StoredSamples& answer, std::string_view rate_of,
                  const TargetLabels& target) {
  for (const auto& [labels, points] : answer.series()) {
    Row row;
    row.series.name = rate_of;
    row.is_rate = !rate_of.empty();
    std::string node;
    for (const auto& label : labels) {
      if (label.name == "instance") node = label.value;
      if (label.name == "__name__" && !row.is_rate) row.series.name = label.value;
      if (!is_label_of_relay(label.name, target)) row.series.labels.push_back(label);
    }
    if (node.empty() || points.empty()) continue;
    row.points = points;
    nodes_[node].push_back(std::move(row));
  }
}

void History::visit(std::int64_t time_ms, const Visitor& visitor) const {
  for (const auto& [node, rows] : nodes_) {
    std::vector<Reading> readings;
    for (const auto& row : rows) {
      const auto at =
          std::lower_bound(row.points.begin(), row.points.end(), time_ms,
                           [](const auto& point, std::int64_t time) { return point.first < time; });
      if (at == row.points.end() || at->first != time_ms) continue;
      readings.push_back({&row.series, at->second, time_ms,
                          row.is_rate ? at->second : std::numeric_limits<double>::quiet_NaN()});
    }
    if (!readings.empty()) visitor({node, true, time_ms, time_ms, readings});
  }
}

}  // namespace godwit
