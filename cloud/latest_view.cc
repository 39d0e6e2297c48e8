#include "cloud/latest_view.h"

#include <algorithm>
#include <limits>

namespace godwit {
namespace {

constexpr std::uint32_t no_slot = UINT32_MAX;
constexpr std::int64_t prune_interval_ms = 60'000;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Roughly, as it lies in memory.
std::size_t size_of(const Series& series) {
  std::size_t bytes = sizeof series + series.name.size() + 64;
  for (const auto& label : series.labels) {
    bytes += sizeof label + label.name.size() + label.value.size();
  }
  return bytes;
}

double rate_between(double value, std::int64_t time_ms, double later, std::int64_t later_ms) {
  if (later_ms <= time_ms || later < value) return unknown;  // a counter that began anew
  return (later - value) * 1000 / static_cast<double>(later_ms - time_ms);
}

void take(const Frame& frame, const std::vector<double>& column, Reading& reading) {
  std::size_t last = column.size();
  while (last > 0 && is_absent(column[last - 1])) --last;
  if (last == 0) return;
  const double value = column[--last];
  const std::int64_t time_ms = frame.times_ms[last];
  const bool is_first = reading.time_ms == INT64_MIN;
  if (!is_first && time_ms < reading.time_ms) return;
  if (reading.series->kind == Kind::counter) {
    std::size_t first = 0;
    while (is_absent(column[first])) ++first;
    reading.rate = is_first ? rate_between(column[first], frame.times_ms[first], value, time_ms)
                            : rate_between(reading.value, reading.time_ms, value, time_ms);
  }
  reading.value = value;
  reading.time_ms = time_ms;
}

}  // namespace

void LatestView::on_live(std::string_view node, const Schema& schema, const Frame& frame,
                         std::int64_t now_wall_ms) {
  if (frame.ticks() == 0) return;
  const std::lock_guard lock(mutex_);
  Node& known = find_or_add(node);
  known.heard_ms = now_wall_ms;
  known.newest_ms = std::max(known.newest_ms, frame.times_ms.back());
  if (known.newest_ms - known.pruned_ms >= prune_interval_ms) drop_old(known);
  if (known.schema != schema.id || known.slots.empty()) learn_schema(known, schema);
  const std::size_t width = std::min(known.slots.size(), frame.columns.size());
  for (std::size_t c = 0; c < width; ++c) {
    if (known.slots[c] != no_slot) take(frame, frame.columns[c], known.readings[known.slots[c]]);
  }
}

void LatestView::on_presence(std::string_view node, bool online) {
  const std::lock_guard lock(mutex_);
  // A node that is away and has said nothing since this relay began is none to show yet.
  if (online || nodes_.contains(node)) find_or_add(node).online = online;
}

LatestView::Node& LatestView::find_or_add(std::string_view node) {
  if (const auto found = nodes_.find(node); found != nodes_.end()) return found->second;
  if (nodes_.size() >= limits_.nodes) {
    const auto oldest = std::min_element(
        nodes_.begin(), nodes_.end(),
        [](const auto& a, const auto& b) { return a.second.heard_ms < b.second.heard_ms; });
    for (const auto& reading : oldest->second.readings) drop(reading.series);
    nodes_.erase(oldest);
  }
  return nodes_[std::string(node)];
}

const Series* LatestView::share(const Series& series) {
  auto known = series_.find(series);
  if (known == series_.end()) {
    const std::size_t bytes = size_of(series);
    if (series_bytes_ + bytes > limits_.series_bytes) return nullptr;
    series_bytes_ += bytes;
    known = series_.emplace(series, 0).first;
  }
  ++known->second;
  return &known->first;
}

void LatestView::learn_schema(Node& node, const Schema& schema) {
  std::unordered_map<const Series*, std::uint32_t> present;
  for (std::uint32_t i = 0; i < node.readings.size(); ++i) {
    present.emplace(node.readings[i].series, i);
  }
  node.schema = schema.id;
  node.slots.assign(schema.series.size(), no_slot);
  for (std::size_t c = 0; c < schema.series.size(); ++c) {
    const auto known = series_.find(schema.series[c]);
    const auto at = known == series_.end() ? present.end() : present.find(&known->first);
    if (at != present.end()) {
      node.slots[c] = at->second;
      continue;
    }
    const bool has_room =
        node.readings.size() < limits_.readings_per_node && count_ < limits_.readings;
    const Series* const shared = has_room ? share(schema.series[c]) : nullptr;
    if (shared == nullptr) {
      ++left_out_;
      continue;
    }
    ++count_;
    node.slots[c] = static_cast<std::uint32_t>(node.readings.size());
    present.emplace(shared, node.slots[c]);
    node.readings.push_back({shared, 0, INT64_MIN, unknown});
  }
}

void LatestView::drop_old(Node& node) {
  node.pruned_ms = node.newest_ms;
  const std::int64_t oldest_ms = node.newest_ms - limits_.keep_ms;
  const std::size_t dropped = std::erase_if(node.readings, [&](const Reading& reading) {
    const bool is_old = reading.time_ms < oldest_ms;
    if (is_old) drop(reading.series);
    return is_old;
  });
  if (dropped > 0) node.slots.clear();
}

void LatestView::drop(const Series* series) {
  --count_;
  const auto known = series_.find(*series);
  if (--known->second > 0) return;
  series_bytes_ -= size_of(known->first);
  series_.erase(known);
}

std::vector<std::string> LatestView::nodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  names.reserve(nodes_.size());
  for (const auto& [name, node] : nodes_) names.push_back(name);
  return names;
}

bool LatestView::visit(std::string_view node, const Visitor& visitor) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return false;
  const Node& known = found->second;
  visitor({found->first, known.online, known.heard_ms, known.newest_ms, known.readings});
  return true;
}

std::size_t LatestView::readings() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::uint64_t LatestView::left_out() const {
  const std::lock_guard lock(mutex_);
  return left_out_;
}

}  // namespace godwit
