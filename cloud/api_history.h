// Readings of past moments, asked of the database's query API: what the HTTP API shows for ?at= and
// ?range=, and with api.source database for the present, too. Used by api.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/http_client.h"
#include "cloud/latest_view.h"
#include "cloud/stored_samples.h"
#include "cloud/write_request.h"

namespace godwit {

struct HistoryOptions {
  HttpGet get;          // blocks; empty: there is no database to ask
  TargetLabels target;  // that the relay gives to series, which are taken off again
};

struct Moments {
  std::int64_t first_ms = 0, last_ms = 0;
  std::int64_t step_ms = 1000;
};

// What the relay writes that has all of `labels`, as a selector's beginning: each with a comma
// behind it.
std::string selector_of(const HistoryOptions& options, Labels labels);

// What the expression gives at each of the moments. Blocks.
Result<StoredSamples> query_range(const HistoryOptions& options, const Moments& moments,
                                  std::string_view expression);

// Of a label that the relay gave to a series, not the node.
bool is_label_of_relay(std::string_view name, const TargetLabels& target);

class History {
 public:
  // Of series that have all of `labels`. Blocks for some requests. Error: the database does not
  // answer, or with more than the client takes.
  static Result<History> ask(const HistoryOptions& options, const Moments& moments,
                             const Labels& labels);

  // What each node that had something stored then was like. By name.
  using Visitor = std::function<void(const NodeReadings&)>;
  void visit(std::int64_t time_ms, const Visitor& visitor) const;

 private:
  struct Row {
    Series series;
    bool is_rate = false;
    StoredSamples::Points points;
  };
  void add(const StoredSamples& answer, std::string_view rate_of, const TargetLabels& target);

  std::map<std::string, std::vector<Row>> nodes_;
};

}  // namespace godwit
