// Name sets: the names by which other exporters know what Godwit reads, so that dashboards, rules
// and programs written for them go on working. Only canonical series cross the wire; the series of
// a set are made from them at the relay and on the agent's /metrics, by these tables.
//
// One set per file beside this one (jetson_gpu.cc ...); how to write one is README.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/naming/formula.h"
#include "transport/result.h"

namespace godwit {

// One name. The texts' small language is name_text.h.
struct NameRow {
  std::string_view metric;  // canonical name; a `*` stands for one or more characters
  std::string_view match;   // which of its series: "hw_type=gpu hw_id=soc*|tj"; "" for all
  std::string_view name;    // in the set
  std::string_view labels;  // "gpu=val,cpu=cpu_{cpu|next}"; behind them come those of the set
  double scale = 1;         // canonical unit to the set's
  How how = How::copy;
  std::string_view other = {};  // canonical name of the second operand, where `how` has one
  std::string_view other_match = {};
};

// Lets `labels` and `match` use the labels of an info series whose label `on` has the same value,
// or of any when `on` is empty. `parts`: a series of a whole ("0") is repeated for each of its
// parts ("0-0", "0-1") when there is no info of the whole. `live`: the info counts in the ticks
// that have a sample of it, and the first that has one wins; a series is made for each such info,
// and one for the ticks without. `any_with`: where the node has this canonical metric, `on` counts
// as empty (a Jetson has one GPU, whatever its rails and sensors are called). `lends`: the one
// label that it lends, if not all.
struct NameJoin {
  std::string_view metric;
  std::string_view on;
  bool parts = false;
  bool live = false;
  std::string_view any_with = {};
  std::string_view lends = {};
};

struct NameSet {
  std::string_view name;            // in the setting `naming`
  std::string_view job;             // label job at the relay
  bool own_pod = false;             // labels namespace and pod of the agent's own pod, at the relay
  std::string_view only_with = {};  // canonical metric without which a node has nothing of this set
  std::string_view labels = {};     // of every row; a row's own label of that name wins
  std::string_view adopts = {};     // canonical names (a `*` at the end) that belong to this set as
                                    // they are: written once, with this set's job
  std::string_view prefix = {};     // in front of every row's name
  std::span<const NameJoin> joins = {};
  std::span<const NameRow> common = {};  // rows that sets share; before `rows`
  std::span<const NameRow> rows = {};
};

std::span<const NameSet* const> all_name_sets();

// What the setting `naming` says.
struct Naming {
  bool canonical = true;
  std::vector<const NameSet*> sets{};

  [[nodiscard]] bool only_canonical() const { return canonical && sets.empty(); }
};

// "canonical" and the names of all sets: the items that the setting knows.
std::vector<std::string> naming_choices();
// `items` from naming_choices(), each at most once counted. Empty: an Error.
Result<Naming> parse_naming(const std::vector<std::string>& items);

}  // namespace godwit
