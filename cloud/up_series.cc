#include "cloud/up_series.h"

#include <set>

#include "transport/naming/name_text.h"

namespace godwit {
namespace {

constexpr std::size_t max_nodes = 10'000;  // as many as a Fleet

bool belongs_to(const Series& series, const NameSet& set) {
  if (!set.only_with.empty()) return series.name == set.only_with;
  return !set.adopts.empty() && matches_glob(set.adopts, series.name);
}

}  // namespace

void UpSeries::on_schema(std::string_view node, std::string_view message) {
  const auto part = decode_schema(message);
  if (!part) return;
  std::uint64_t found = 0;
  for (const auto& series : part->added) {
    for (std::size_t i = 0; i < naming_.sets.size(); ++i) {
      if (belongs_to(series, *naming_.sets[i])) found |= std::uint64_t{1} << i;
    }
  }
  const auto known = sets_.find(node);
  if (known != sets_.end()) {
    known->second |= found;
  } else if (sets_.size() < max_nodes) {
    sets_.emplace(node, found);
  }
}

void UpSeries::forget(std::string_view node) {
  if (const auto known = sets_.find(node); known != sets_.end()) sets_.erase(known);
}

std::optional<Arrival> UpSeries::take(const Fleet& fleet, std::int64_t wall_ms) {
  const std::int64_t moment_ms = wall_ms - wall_ms % interval_ms;
  if (moment_ms == taken_ms_) return std::nullopt;
  // The first moment passes: who is there is being told.
  const bool is_first = taken_ms_ == 0;
  taken_ms_ = moment_ms;
  if (is_first) return std::nullopt;

  EncodedLabels labels;
  Frame frame;
  frame.times_ms = {moment_ms};
  std::set<Labels> known;
  const auto add = [&](const std::string& node, std::string_view job, bool online) {
    labels.add({"up", {}, Kind::gauge}, node, {std::string(job), target_.external}, known);
    frame.columns.push_back({online ? 1.0 : 0.0});
  };
  for (const auto& [node, presence] : fleet.nodes()) {
    if (presence.boot_id.empty()) continue;  // it never said that it is there
    if (naming_.canonical) add(node, target_.job, presence.online);
    const auto has = sets_.find(node);
    for (std::size_t i = 0; has != sets_.end() && i < naming_.sets.size(); ++i) {
      if ((has->second >> i & 1) != 0) add(node, naming_.sets[i]->job, presence.online);
    }
  }
  Arrival arrival;
  std::string body;
  arrival.samples = append_ticks(frame, 0, 1, labels, body);
  if (body.empty()) return std::nullopt;
  arrival.newest_ms = moment_ms;
  arrival.bytes = body.size();
  arrival.bodies.push_back(std::move(body));
  return arrival;
}

}  // namespace godwit
