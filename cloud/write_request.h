// Remote-write 1.0 bodies: WriteRequest{timeseries=1} as protobuf, in one snappy block. protozero
// and snappy are confined to write_request.cc and request_parts.cc, which takes bodies apart.
//
// A body is a concatenation of TimeSeries fields, so that the concatenation of two bodies is a body
// too: frames are encoded one by one, joined for sending and taken apart again when a database
// refuses a request. The labels of a column are encoded once per node and schema.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/frame.h"
#include "transport/metric.h"
#include "transport/naming/name_set.h"
#include "transport/schema.h"

namespace godwit {

// Labels that every series of a node gets. A series' own label of the same name becomes
// exported_<name>, as Prometheus does it.
struct TargetLabels {
  std::string job;
  Labels external;
};

// The complete label set of one series: sorted bytewise, no name twice, nothing empty.
Labels complete_labels(const Series& series, std::string_view node, const TargetLabels& target);

// TimeSeries.labels of every column of a schema, ready to be copied. Empty for a series that comes
// twice: Prometheus would silently drop samples of one of the two.
class EncodedLabels {
 public:
  EncodedLabels() = default;
  EncodedLabels(const std::vector<Series>& series, std::string_view node,
                const TargetLabels& target);

  // The labels of the next column; `known` are those of all columns before.
  void add(const Series& series, std::string_view node, const TargetLabels& target,
           std::set<Labels>& known);
  // A column that is not written.
  void add_nothing() { ends_.push_back(static_cast<std::uint32_t>(bytes_.size())); }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::size_t memory() const { return bytes_.capacity() + ends_.capacity() * 4; }
  [[nodiscard]] std::string_view operator[](std::size_t column) const {
    const std::size_t begin = column == 0 ? 0 : ends_[column - 1];
    return std::string_view(bytes_).substr(begin, ends_[column] - begin);
  }

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

// What is written of a node's schema: its own series, and behind them those of name sets.
struct NodeSeries {
  EncodedLabels labels;
  std::size_t width = 0;                // of the schema
  std::vector<Formula> formulas;        // of the columns behind it
  std::vector<std::uint32_t> unwanted;  // columns of the schema that go under no name
  // Time of the newest sample of each series that this relay has written, INT64_MIN for none.
  std::vector<std::int64_t> newest_ms;

  [[nodiscard]] std::size_t memory() const;
};

// NodeSeries by node and schema, least recently used out first. Owner thread only.
class LabelCache {
 public:
  LabelCache(TargetLabels target, std::size_t max_bytes, Naming naming = {})
      : target_(std::move(target)), naming_(std::move(naming)), max_bytes_(max_bytes) {}

  // Valid until the next call.
  NodeSeries& find_or_encode(std::string_view node, SchemaId schema,
                             const std::vector<Series>& series);
  // nullptr when it is not there (any more).
  NodeSeries* find(std::string_view node, SchemaId schema);

 private:
  struct Entry {
    std::string key;
    NodeSeries series;
  };
  NodeSeries encode(std::string_view node, const std::vector<Series>& series) const;

  TargetLabels target_;
  Naming naming_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views into entries_
};

// Appends the samples of the ticks [begin, end) as one TimeSeries per column that has any, in time
// order; returns how many. Absent values and empty columns are skipped; every NaN but the stale
// marker becomes the ordinary one. The frame must not be wider than `labels` (assert).
std::size_t append_ticks(const Frame& frame, std::size_t begin, std::size_t end,
                         const EncodedLabels& labels, std::string& body);

// The snappy block of the bodies joined.
std::string compress_bodies(std::span<const std::string_view> bodies);

}  // namespace godwit
