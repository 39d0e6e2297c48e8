#include "transport/naming/name_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "transport/naming/name_text.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

std::string_view find_label(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

constexpr std::size_t max_parts = 64;  // of one whole

// The schema by metric name.
class SchemaIndex {
 public:
  explicit SchemaIndex(std::span<const Series> schema) : schema_(schema) {
    for (std::uint32_t i = 0; i < schema.size(); ++i) by_name_[schema[i].name].push_back(i);
  }

  [[nodiscard]] std::vector<std::uint32_t> find(std::string_view metric) const {
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

  const Series& operator[](std::uint32_t column) const { return schema_[column]; }

 private:
  std::span<const Series> schema_;
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> by_name_;
};

// The labels that a series has under a set: its own, and those of the infos that the set joins.
class Joins {
 public:
  Joins(const SchemaIndex& schema, std::string_view node, const NameSet& set) : node_(node) {
    for (const auto& join : set.joins) {
      auto& infos = joins_.emplace_back(&join, Infos{}).second;
      // Later ones win: an info whose text changes is a new series behind the old one.
      for (const auto column : schema.find(join.metric)) {
        infos[join.on.empty() ? join.on : find_label(schema[column], join.on)] = &schema[column];
      }
    }
  }

  // Calls `use(lookup)` once, or once for each part of what `series` is the whole of.
  template <class Use>
  void with_labels(const Series& series, const Use& use) const {
    std::vector<const Series*> infos;
    std::vector<const Series*> parts;
    for (const auto& [join, all] : joins_) {
      const auto key = join->on.empty() ? join->on : find_label(series, join->on);
      if (key.empty() && !join->on.empty()) continue;
      if (const auto exact = all.find(key); exact != all.end()) {
        infos.push_back(exact->second);
      } else if (join->parts) {
        parts = find_parts(all, key);
      }
    }
    const auto look_up = [&](std::string_view name) -> std::string_view {
      if (name == "@node") return node_;
      if (name == "__name__") return series.name;
      if (const auto own = find_label(series, name); !own.empty()) return own;
      for (const Series* info : infos) {
        if (const auto joined = find_label(*info, name); !joined.empty()) return joined;
      }
      return {};
    };
    if (parts.empty()) return use(look_up);
    for (const Series* part : parts) {
      use([&](std::string_view name) {
        const auto value = find_label(*part, name);
        return value.empty() ? look_up(name) : value;
      });
    }
  }

 private:
  using Infos = std::map<std::string_view, const Series*>;  // by the label that joins

  static std::vector<const Series*> find_parts(const Infos& infos, std::string_view whole) {
    std::vector<const Series*> parts;
    const std::string prefix = concat(whole, "-");
    for (auto at = infos.lower_bound(prefix); at != infos.end() && parts.size() < max_parts; ++at) {
      if (!at->first.starts_with(prefix)) break;
      parts.push_back(at->second);
    }
    return parts;
  }

  std::string_view node_;
  std::vector<std::pair<const NameJoin*, Infos>> joins_;
};

// Hexadecimal, with or without 0x.
std::optional<std::uint32_t> parse_code(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return parse_int<std::uint32_t>(text, 16);
}

bool keeps_kind(How how) { return how == How::copy || how == How::sum; }

// The series of one set, in the order of its rows.
class SetPlan {
 public:
  SetPlan(const SchemaIndex& schema, std::string_view node, const NameSet& set)
      : schema_(schema), set_(set), joins_(schema, node, set) {}

  void add(const NameRow& row) {
    const std::size_t first = series_.size();
    for (const auto column : schema_.find(row.metric)) add_input(row, column);
    for (std::size_t made = first; made < series_.size(); ++made) {
      Formula& formula = series_[made].formula;
      formula.others_at = static_cast<std::uint32_t>(formula.inputs.size());
    }
    if (!has_other(row.how) || series_.size() == first) return;
    for (const auto column : schema_.find(row.other)) add_other(row, column, first);
  }

  void move_into(std::vector<NamedSeries>& out) {
    for (auto& one : series_) {
      const Formula& formula = one.formula;
      // An operand is missing in the whole schema.
      if (has_other(formula.how) && formula.others_at == formula.inputs.size()) continue;
      out.push_back(std::move(one));
    }
  }

 private:
  void add_input(const NameRow& row, std::uint32_t column) {
    const Series& source = schema_[column];
    joins_.with_labels(source, [&](const LabelLookup& lookup) {
      if (series_.size() == max_schema_series || !matches(row.match, lookup)) return;
      Series named = name(row, lookup);
      named.kind = keeps_kind(row.how) ? source.kind : Kind::gauge;
      if (!is_valid(named)) return;  // a template of foreign text may come to too much
      double scale = row.scale;
      if (row.how == How::code) {
        const auto code = parse_code(lookup("code"));
        if (!code) return;
        scale = static_cast<double>(*code);
        number_code(named);
      }
      const auto [at, is_new] =
          index_.try_emplace(format_series(named), Place{series_.size(), &row});
      if (at->second.row != &row) return;  // an earlier row gives this series
      if (is_new) series_.push_back({std::move(named), &set_, {row.how, scale, {}, 0}});
      series_[at->second.index].formula.inputs.push_back(column);
    });
  }

  void add_other(const NameRow& row, std::uint32_t column, std::size_t first) {
    joins_.with_labels(schema_[column], [&](const LabelLookup& lookup) {
      if (!matches(row.other_match, lookup)) return;
      if (row.how == How::whole_or_zero) {
        for (std::size_t made = first; made < series_.size(); ++made) {
          series_[made].formula.inputs.push_back(column);
        }
        return;
      }
      const auto at = index_.find(format_series(name(row, lookup)));
      if (at == index_.end() || at->second.row != &row) return;
      series_[at->second.index].formula.inputs.push_back(column);
    });
  }

  [[nodiscard]] Series name(const NameRow& row, const LabelLookup& lookup) const {
    return {concat(set_.prefix, expand_text(row.name, lookup)),
            expand_labels(row.labels, set_.labels, lookup), Kind::gauge};
  }

  // The second code of a device is name_1, and so on to name_9.
  void number_code(Series& named) const {
    const std::string name = named.name;
    for (int n = 1; n <= 9 && index_.contains(format_series(named)); ++n) {
      named.name = concat(name, "_", n);
    }
  }

  struct Place {
    std::size_t index;
    const NameRow* row;
  };
  const SchemaIndex& schema_;
  const NameSet& set_;
  Joins joins_;
  std::vector<NamedSeries> series_;
  std::unordered_map<std::string, Place> index_;  // by format_series()
};

Labels own_pod_labels(std::span<const Series> schema) {
  for (auto series = schema.rbegin(); series != schema.rend(); ++series) {
    if (series->name != "godwit_agent_info") continue;
    Labels labels = {{"namespace", std::string(find_label(*series, "namespace"))},
                     {"pod", std::string(find_label(*series, "pod"))}};
    std::erase_if(labels, [](const Label& label) { return label.value.empty(); });
    return labels;
  }
  return {};
}

}  // namespace

NamePlan plan_names(std::span<const Series> schema, std::string_view node, const Naming& naming) {
  NamePlan plan;
  plan.own_pod = own_pod_labels(schema);
  const SchemaIndex index(schema);
  for (const NameSet* set : naming.sets) {
    if (!set->only_with.empty() && index.find(set->only_with).empty()) continue;
    if (!set->adopts.empty()) {
      plan.adopted.resize(schema.size(), nullptr);
      for (const auto column : index.find(set->adopts)) plan.adopted[column] = set;
    }
    SetPlan of_set(index, node, *set);
    for (const auto& row : set->common) of_set.add(row);
    for (const auto& row : set->rows) of_set.add(row);
    of_set.move_into(plan.added);
  }
  return plan;
}

std::vector<Sample> rename_samples(std::vector<Sample> samples, std::string_view node,
                                   const Naming& naming) {
  if (naming.only_canonical()) return samples;
  std::vector<Series> schema;
  schema.reserve(samples.size());
  for (const auto& sample : samples) schema.push_back(sample.series);
  NamePlan plan = plan_names(schema, node, naming);
  std::vector<Sample> out;
  for (auto& named : plan.added) {
    const double value =
        evaluate(named.formula, [&](std::uint32_t column) { return samples[column].value; });
    if (!is_absent(value)) out.push_back({std::move(named.series), value});
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool adopted = !plan.adopted.empty() && plan.adopted[i] != nullptr;
    if (naming.canonical || adopted) out.push_back(std::move(samples[i]));
  }
  return out;
}

}  // namespace godwit
