// What WebMemory answers, and the stretches that it marks.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "cloud/web_memory.h"

namespace godwit {
namespace {

constexpr std::size_t max_stretches = 64;
// Frames of one backlog follow each other; so much may lie between them.
constexpr std::int64_t joint_ms = 60'000;
// A value stands for so many times the usual distance of its series' samples.
constexpr double patience = 2.5;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

void mark(std::vector<WebStretch>& stretches, const WebStretch& next) {
  for (auto& known : stretches) {
    const bool near =
        next.from_ms <= known.to_ms + joint_ms && known.from_ms <= next.to_ms + joint_ms;
    if (!near || std::abs(known.step_s - next.step_s) > 0.2 * known.step_s) continue;
    known.from_ms = std::min(known.from_ms, next.from_ms);
    known.to_ms = std::max(known.to_ms, next.to_ms);
    return;
  }
  if (stretches.size() == max_stretches) stretches.erase(stretches.begin());
  stretches.push_back(next);
}

std::int64_t usual_distance_ms(const std::vector<std::int64_t>& times,
                               const std::vector<float>& values) {
  std::int64_t least_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t before_ms = -1;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (std::isnan(values[i])) continue;
    if (before_ms >= 0) least_ms = std::min(least_ms, times[i] - before_ms);
    before_ms = times[i];
  }
  return least_ms == std::numeric_limits<std::int64_t>::max() ? 0 : least_ms;
}

}  // namespace

void write_float(JsonWriter& json, double value) {
  const auto number = static_cast<float>(value);
  if (!std::isfinite(number)) return json.null();
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  json.raw_value({text.data(), static_cast<std::size_t>(end - text.data())});
}

void WebMemory::on_history(std::string_view node, const Schema& schema, const Frame& frame) {
  const std::lock_guard lock(mutex_);
  auto found = nodes_.find(node);
  if (found == nodes_.end()) found = nodes_.emplace(std::string(node), Node()).first;
  Node& known = found->second;
  const WebStretch stretch{frame.times_ms.front(), frame.times_ms.back(), 0};
  mark(known.backfilled, stretch);
  if (frame.keep_every > 1 && frame.ticks() > 1) {
    const auto length_ms = static_cast<double>(stretch.to_ms - stretch.from_ms);
    mark(known.thinned, {stretch.from_ms, stretch.to_ms,
                         length_ms / 1000 / static_cast<double>(frame.ticks() - 1)});
  }
  const std::int64_t newest_ms = known.times.empty() ? stretch.to_ms : known.times.back();
  if (stretch.to_ms >= newest_ms - keep_ms_) {
    learn(known, schema);
    fill_in(known, frame);
  }
  settle(known);
  make_room();
}

std::vector<std::string> WebMemory::ids(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return out;
  for (const auto& track : found->second.tracks) out.push_back(track.id);
  return out;
}

std::optional<std::int64_t> WebMemory::begin_ms(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || found->second.times.empty()) return std::nullopt;
  return found->second.times.front();
}

WebHistory WebMemory::read(std::string_view node, const WebRange& range,
                           std::span<const std::string> ids) const {
  WebHistory out;
  out.step_ms = range.step_ms;
  for (std::int64_t t = range.from_ms; t <= range.to_ms; t += range.step_ms) out.times.push_back(t);
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return out;
  const auto& times = found->second.times;
  for (const auto& track : found->second.tracks) {
    if (!ids.empty() && std::find(ids.begin(), ids.end(), track.id) == ids.end()) continue;
    const double stands_ms =
        std::max(patience * static_cast<double>(usual_distance_ms(times, track.values)),
                 static_cast<double>(range.step_ms));
    WebHistory::Row row{track.id, {}};
    row.values.reserve(out.times.size());
    std::size_t next = 0;
    double value = unknown;
    std::int64_t value_ms = 0;
    for (const std::int64_t time_ms : out.times) {
      for (; next < times.size() && times[next] <= time_ms; ++next) {
        if (std::isnan(track.values[next])) continue;
        value = double{track.values[next]};
        value_ms = times[next];
      }
      const bool stands = static_cast<double>(time_ms - value_ms) < stands_ms;
      row.values.push_back(stands ? value : unknown);
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

void WebMemory::add_stretches(std::string_view node, const WebRange& range, WebHistory& out) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  const auto add = [&](const std::vector<WebStretch>& from, std::vector<WebStretch>& to) {
    for (WebStretch stretch : from) {
      stretch.from_ms = std::max(stretch.from_ms, range.from_ms);
      stretch.to_ms = std::min(stretch.to_ms, range.to_ms);
      if (stretch.from_ms <= stretch.to_ms) to.push_back(stretch);
    }
  };
  add(found->second.backfilled, out.backfilled);
  add(found->second.thinned, out.thinned);
}

}  // namespace godwit
