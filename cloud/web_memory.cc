#include "cloud/web_memory.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace godwit {
namespace {

constexpr std::uint32_t no_slot = UINT32_MAX;
constexpr std::size_t max_tracks = 160;
constexpr std::int64_t max_step_ms = 60'000;
constexpr std::int64_t told_every_ms = 900;  // "at most one per second", of clocks that jitter
constexpr float nothing = std::numeric_limits<float>::quiet_NaN();

// Room grows slowly: there are many of these.
template <class T>
void push(std::vector<T>& to, T value) {
  if (to.size() == to.capacity()) to.reserve(to.size() + to.size() / 4 + 8);
  to.push_back(value);
}

// What is shown of a counter between two samples.
float shown_rate(WebView view, double before, std::int64_t before_ms, double value,
                 std::int64_t time_ms) {
  if (time_ms <= before_ms || value < before) return nothing;  // it began anew
  const double rate = (value - before) * 1000 / static_cast<double>(time_ms - before_ms);
  return static_cast<float>(view == WebView::rate ? rate : std::clamp(1 - rate, 0.0, 1.0));
}

}  // namespace

void WebMemory::learn(Node& node, const Schema& schema) {
  if (node.schema == schema.id && !node.slots.empty()) return;
  std::unordered_map<std::string_view, std::uint32_t> known;
  for (std::uint32_t i = 0; i < node.tracks.size(); ++i) known.emplace(node.tracks[i].id, i);
  node.schema = schema.id;
  node.slots.assign(schema.series.size(), no_slot);
  node.tracks.reserve(max_tracks);  // `known` looks into them
  for (std::size_t c = 0; c < schema.series.size(); ++c) {
    const auto about = describe_web_series(schema.series[c]);
    if (!about || !about->chart) continue;
    std::string id = format_series(schema.series[c]);
    const auto found = known.find(id);
    if (found != known.end()) {
      node.slots[c] = found->second;
    } else if (node.tracks.size() < max_tracks) {
      node.slots[c] = static_cast<std::uint32_t>(node.tracks.size());
      Track track;
      track.id = std::move(id);
      track.view = about->view;
      track.values.assign(node.times.size(), nothing);
      node.tracks.push_back(std::move(track));
    }
  }
  node.tracks.shrink_to_fit();
}

bool WebMemory::read_tick(Node& node, const Frame& frame, std::size_t tick,
                          std::vector<float>& values) {
  values.assign(node.tracks.size(), nothing);
  const std::size_t width = std::min(node.slots.size(), frame.columns.size());
  const std::int64_t time_ms = frame.times_ms[tick];
  bool any = false;
  for (std::size_t c = 0; c < width; ++c) {
    if (node.slots[c] == no_slot || is_absent(frame.columns[c][tick])) continue;
    const double value = frame.columns[c][tick];
    Track& track = node.tracks[node.slots[c]];
    float& shown = values[node.slots[c]];
    if (track.view == WebView::value) {
      shown = static_cast<float>(value);
    } else if (track.last_ms != std::numeric_limits<std::int64_t>::min()) {
      shown = shown_rate(track.view, track.last, track.last_ms, value, time_ms);
    }
    track.last = value;
    track.last_ms = time_ms;
    any = any || !std::isnan(shown);
  }
  return any;
}

std::vector<std::string> WebMemory::on_live(std::string_view node, const Schema& schema,
                                            const Frame& frame, bool wanted) {
  std::vector<std::string> told;
  const std::lock_guard lock(mutex_);
  auto found = nodes_.find(node);
  if (found == nodes_.end()) found = nodes_.emplace(std::string(node), Node()).first;
  learn(found->second, schema);
  append(found->second, frame, wanted ? &told : nullptr);
  settle(found->second);
  make_room();
  return told;
}

// What ticks since the last time have read: not every tick has all readings.
std::string WebMemory::tell(Node& node, std::int64_t time_ms) {
  node.told_ms = time_ms;
  JsonWriter json;
  json.begin_object();
  json.member("time_ms", time_ms);
  json.key("values");
  json.begin_object();
  for (auto& track : node.tracks) {
    if (std::isnan(track.untold)) continue;
    json.key(track.id);
    write_float(json, double{track.untold});
    track.untold = nothing;
  }
  json.end_object();
  json.end_object();
  return json.text();
}

void WebMemory::append(Node& node, const Frame& frame, std::vector<std::string>* told) {
  std::vector<float> values;
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    const std::int64_t time_ms = frame.times_ms[t];
    if (!node.times.empty() && time_ms <= node.times.back()) continue;
    if (!read_tick(node, frame, t, values)) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (told == nullptr || !std::isnan(values[i])) node.tracks[i].untold = values[i];
    }
    if (told != nullptr && time_ms - node.told_ms >= told_every_ms) {
      told->push_back(tell(node, time_ms));
    }
    const bool shares = !node.times.empty() && time_ms - node.times.back() < step_ms_;
    if (!shares) push(node.times, time_ms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& all = node.tracks[i].values;
      if (!shares) {
        push(all, values[i]);
      } else if (!std::isnan(values[i])) {
        all.back() = values[i];
      }
    }
  }
}

// Ticks that belong between those that are there, as far as one gap goes.
void WebMemory::fill_in(Node& node, const Frame& frame) {
  const std::int64_t oldest_ms = frame.times_ms.back() - keep_ms_;
  std::vector<std::pair<double, std::int64_t>> newest;
  for (const auto& track : node.tracks) newest.emplace_back(track.last, track.last_ms);
  for (auto& track : node.tracks) track.last_ms = std::numeric_limits<std::int64_t>::min();
  std::vector<float> values;
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    const std::int64_t time_ms = frame.times_ms[t];
    const auto at = std::upper_bound(node.times.begin(), node.times.end(), time_ms);
    if (!read_tick(node, frame, t, values) || time_ms < oldest_ms) continue;
    const bool behind = at != node.times.begin() && time_ms - *(at - 1) < step_ms_;
    const bool before = at != node.times.end() && *at - time_ms < step_ms_;
    if (behind || before) continue;
    const auto index = at - node.times.begin();
    node.times.insert(at, time_ms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& all = node.tracks[i].values;
      all.insert(all.begin() + index, values[i]);
    }
  }
  for (std::size_t i = 0; i < newest.size(); ++i) {
    if (newest[i].second < node.tracks[i].last_ms) continue;
    std::tie(node.tracks[i].last, node.tracks[i].last_ms) = newest[i];
  }
}

void WebMemory::drop_old(Node& node) {
  if (node.times.empty()) return;
  const auto first =
      std::lower_bound(node.times.begin(), node.times.end(), node.times.back() - keep_ms_) -
      node.times.begin();
  // Seldom, in one piece.
  if (first * 8 < static_cast<std::ptrdiff_t>(node.times.size())) return;
  node.times.erase(node.times.begin(), node.times.begin() + first);
  for (auto& track : node.tracks) {
    track.values.erase(track.values.begin(), track.values.begin() + first);
  }
  const std::size_t dropped = std::erase_if(
      node.tracks, [&](const Track& track) { return track.last_ms < node.times.front(); });
  if (dropped > 0) node.slots.clear();
}

void WebMemory::settle(Node& node) {
  drop_old(node);
  bytes_ -= node.bytes;
  node.bytes = sizeof node + 128 + node.times.capacity() * sizeof node.times[0] +
               node.slots.capacity() * sizeof(std::uint32_t) +
               (node.backfilled.capacity() + node.thinned.capacity()) * sizeof(WebStretch);
  for (const auto& track : node.tracks) {
    node.bytes += sizeof track + track.id.capacity() + track.values.capacity() * sizeof(float);
  }
  bytes_ += node.bytes;
}

void WebMemory::make_room() {
  while (bytes_ > max_bytes_ && !nodes_.empty()) {
    if (step_ms_ < max_step_ms) {
      step_ms_ *= 2;
      for (auto& [name, node] : nodes_) {
        halve(node);
        settle(node);
      }
      continue;
    }
    const auto newest_ms = [](const auto& one) {
      return one.second.times.empty() ? 0 : one.second.times.back();
    };
    const auto silent =
        std::min_element(nodes_.begin(), nodes_.end(),
                         [&](const auto& a, const auto& b) { return newest_ms(a) < newest_ms(b); });
    bytes_ -= silent->second.bytes;
    nodes_.erase(silent);
  }
}

// Two points become one: what the later one has, or else the earlier one.
void WebMemory::halve(Node& node) {
  const std::size_t count = node.times.size() / 2;
  const std::size_t odd = node.times.size() % 2;  // the first one stays as it is
  for (std::size_t i = 0; i < count; ++i) node.times[odd + i] = node.times[odd + 2 * i + 1];
  node.times.resize(odd + count);
  node.times.shrink_to_fit();
  for (auto& track : node.tracks) {
    auto& all = track.values;
    for (std::size_t i = 0; i < count; ++i) {
      const float later = all[odd + 2 * i + 1];
      all[odd + i] = std::isnan(later) ? all[odd + 2 * i] : later;
    }
    all.resize(odd + count);
    all.shrink_to_fit();
  }
}

void WebMemory::forget(std::string_view node) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  bytes_ -= found->second.bytes;
  nodes_.erase(found);
}

std::size_t WebMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace godwit
