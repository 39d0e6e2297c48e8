// StoredSamples: what a database says it has of a node in a span of time, by Prometheus' query API.
// Asked when it refuses a frame: after a relay's death between the database's 2xx and the ack the
// frame comes again, and what is stored must be neither refused nor counted as lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/http_client.h"
#include "transport/metric.h"

namespace godwit {

class StoredSamples {
 public:
  using Points = std::vector<std::pair<std::int64_t, double>>;  // sorted by time

  // An answer of /api/v1/query with resultType matrix.
  static Result<StoredSamples> parse(std::string_view answer);

  // All of them, by label set. The name is the label __name__.
  [[nodiscard]] const std::map<Labels, Points>& series() const { return series_; }
  // By the complete label set; nullptr when nothing is stored of the series.
  [[nodiscard]] const Points* find(const Labels& labels) const;
  // The same value at the same time. NaN is NaN; a stale marker is never found, as queries do not
  // show them.
  static bool holds(const Points& points, std::int64_t time_ms, double value);

 private:
  std::map<Labels, Points> series_;
};

// For the text of a question: "value", with quotes.
std::string quote_label(std::string_view value);

// Everything of the node that `body` is of (by its labels instance and job), from the body's
// oldest to its newest time. Blocks as `get` does.
Result<StoredSamples> find_stored(const HttpGet& get, std::string_view body);

}  // namespace godwit
