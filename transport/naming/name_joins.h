// What name_plan.cc looks up while it plans: the schema by metric name, and the labels that a
// series has under a set, its own and those of the infos that the set joins (NameJoin).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/metric.h"
#include "transport/naming/name_set.h"
#include "transport/naming/name_text.h"

namespace godwit {

// Empty when the series has no such label.
std::string_view find_label(const Series& series, std::string_view name);

// Refers to the schema.
class SchemaIndex {
 public:
  explicit SchemaIndex(std::span<const Series> schema);

  // Columns in the schema's order; `metric` may have a `*`.
  [[nodiscard]] std::vector<std::uint32_t> find(std::string_view metric) const;
  const Series& operator[](std::uint32_t column) const { return schema_[column]; }

 private:
  std::span<const Series> schema_;
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> by_name_;
};

class NameJoins {
 public:
  NameJoins(const SchemaIndex& schema, std::string_view node, const NameSet& set);

  using Use = std::function<void(const LabelLookup&, const Holders&)>;
  // Calls `use` once, or once for each part of what `series` is the whole of, or for each live
  // info and for none of them.
  void with_labels(const Series& series, const Use& use) const;

 private:
  // Columns by the label that joins. Later ones win: an info whose text changes is a new series
  // behind the old one.
  using Infos = std::map<std::string_view, std::vector<std::uint32_t>>;
  struct Join {
    const NameJoin* of;
    std::string_view on;
    Infos infos;
  };
  struct Found;

  void find(const Series& series, Found& found) const;
  [[nodiscard]] std::string_view look_up(const Series& series, const Found& found,
                                         const Series* extra, std::string_view name) const;

  const SchemaIndex& schema_;
  std::string_view node_;
  std::vector<Join> joins_;
};

}  // namespace godwit
