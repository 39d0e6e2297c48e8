#include "transport/naming/name_joins.h"

#include <string>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_parts = 64;  // of one whole
constexpr std::size_t max_live = 16;   // live infos of one series; the newest count

}  // namespace

std::string_view find_label(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

SchemaIndex::SchemaIndex(std::span<const Series> schema) : schema_(schema) {
  for (std::uint32_t i = 0; i < schema.size(); ++i) by_name_[schema[i].name].push_back(i);
}

std::vector<std::uint32_t> SchemaIndex::find(std::string_view metric) const {
  if (metric.find('*') == std::string_view::npos) {
    const auto at = by_name_.find(metric);
    return at == by_name_.end() ? std::vector<std::uint32_t>() : at->second;
  }
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < schema_.size(); ++i) {
    if (matches_glob(metric, schema_[i].name)) found.push_back(i);
  }
  return found;
}

NameJoins::NameJoins(const SchemaIndex& schema, std::string_view node, const NameSet& set)
    : schema_(schema), node_(node) {
  for (const auto& join : set.joins) {
    const bool any =
        join.on.empty() || (!join.any_with.empty() && !schema.find(join.any_with).empty());
    Join& made = joins_.emplace_back(Join{&join, any ? std::string_view() : join.on, {}});
    for (const auto column : schema.find(join.metric)) {
      auto& columns = made.infos[any ? std::string_view() : find_label(schema[column], join.on)];
      if (!join.live) columns.clear();
      if (columns.size() == max_live) columns.erase(columns.begin());
      columns.push_back(column);
    }
  }
}

struct NameJoins::Found {
  struct Info {
    const Series* series;
    std::string_view lends;  // empty: every label
  };
  std::vector<Info> infos;
  std::vector<const Series*> parts;
  std::vector<std::uint32_t> live;
};

void NameJoins::find(const Series& series, Found& found) const {
  for (const auto& join : joins_) {
    const auto key = join.on.empty() ? join.on : find_label(series, join.on);
    if (key.empty() && !join.on.empty()) continue;
    const auto exact = join.infos.find(key);
    if (exact != join.infos.end() && join.of->live) {
      found.live = exact->second;
    } else if (exact != join.infos.end()) {
      found.infos.push_back({&schema_[exact->second.back()], join.of->lends});
    } else if (join.of->parts) {
      const std::string prefix = concat(key, "-");
      for (auto at = join.infos.lower_bound(prefix);
           at != join.infos.end() && found.parts.size() < max_parts; ++at) {
        if (!at->first.starts_with(prefix)) break;
        found.parts.push_back(&schema_[at->second.back()]);
      }
    }
  }
}

std::string_view NameJoins::look_up(const Series& series, const Found& found, const Series* extra,
                                    std::string_view name) const {
  if (name == "@node") return node_;
  if (name == "__name__") return series.name;
  if (const auto own = find_label(series, name); !own.empty()) return own;
  for (const auto& info : found.infos) {
    if (!info.lends.empty() && info.lends != name) continue;
    if (const auto joined = find_label(*info.series, name); !joined.empty()) return joined;
  }
  return extra == nullptr ? std::string_view() : find_label(*extra, name);
}

void NameJoins::with_labels(const Series& series, const Use& use) const {
  Found found;
  find(series, found);
  for (const Series* part : found.parts) {
    use(
        [&](std::string_view name) {
          const auto value = find_label(*part, name);
          return value.empty() ? look_up(series, found, nullptr, name) : value;
        },
        {});
  }
  Holders holders;
  for (const auto column : found.live) {
    holders.columns.push_back(column);
    holders.held = true;
    use([&](std::string_view name) { return look_up(series, found, &schema_[column], name); },
        holders);
  }
  holders.held = false;
  if (!found.parts.empty()) return;
  use([&](std::string_view name) { return look_up(series, found, nullptr, name); }, holders);
}

}  // namespace godwit
