#include "transport/naming/name_plan.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "transport/naming/name_joins.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

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
    // Without the set's labels it is the same whatever live infos there are.
    const bool is_bare = row.labels.starts_with('-');
    joins_.with_labels(source, [&](const LabelLookup& lookup, const Holders& told) {
      if (is_bare && told.held) return;
      const Holders holders = is_bare ? Holders{} : told;
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
      if (is_new) series_.push_back({std::move(named), &set_, {row.how, scale, {}, 0, holders}});
      series_[at->second.index].formula.inputs.push_back(column);
    });
  }

  void add_other(const NameRow& row, std::uint32_t column, std::size_t first) {
    joins_.with_labels(schema_[column], [&](const LabelLookup& lookup, const Holders&) {
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
  NameJoins joins_;
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
