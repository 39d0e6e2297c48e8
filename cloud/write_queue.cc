#include "cloud/write_queue.h"

#include <algorithm>
#include <cassert>

namespace godwit {
namespace {

constexpr std::int64_t alone_for_ms = 60'000;
constexpr int server_errors_of_a_suspect = 3;
constexpr std::size_t max_troubles = 10'000;
constexpr std::size_t max_units_per_request = 2000;
// An agent sends again after five seconds.
constexpr double longest_wait_ms = 3000;
// History that has waited so much longer goes before live readings.
constexpr std::int64_t patience_of_history_ms = 1000;

}  // namespace

std::optional<WriteQueue::Waiting> WriteQueue::find(std::string_view node) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return std::nullopt;
  return found->second;
}

void WriteQueue::push(Arrival&& arrival, std::int64_t now_ms) {
  [[maybe_unused]] const bool is_new =
      nodes_.emplace(arrival.node, Waiting{arrival.stream, arrival.last_seq}).second;
  assert(is_new && !arrival.bodies.empty());
  bytes_ += arrival.bytes;
  Lane& lane = lane_of(arrival);
  lane.samples += arrival.samples;
  lane.waiting.push_back({std::move(arrival), now_ms});
}

bool WriteQueue::travels_alone(const Arrival& arrival, std::int64_t now_ms) const {
  if (arrival.bodies.size() > 1 || arrival.node.empty()) return true;
  const auto found = troubles_.find(arrival.node);
  return found != troubles_.end() && found->second.alone_until_ms > now_ms;
}

double WriteQueue::fill(std::int64_t now_ms) const {
  double fill = static_cast<double>(bytes_) / static_cast<double>(options_.max_bytes);
  for (const Lane* lane : {&live_, &history_}) {
    if (lane->waiting.empty()) continue;
    const std::int64_t waited_ms = now_ms - lane->waiting.front().arrived_ms;
    fill = std::max(fill, static_cast<double>(waited_ms) / longest_wait_ms);
  }
  return fill;
}

WriteUnit WriteQueue::take_unit(Lane& lane, Entry&& entry) {
  WriteUnit unit;
  unit.id = next_id_++;
  unit.bodies = std::move(entry.arrival.bodies);
  entry.arrival.bodies.clear();
  unit.whole = entry.arrival.node.empty();
  if (const auto found = troubles_.find(entry.arrival.node); found != troubles_.end()) {
    unit.patient = found->second.server_errors == 0;
    unit.suspect = found->second.server_errors >= server_errors_of_a_suspect;
    unit.database_healthy = writer_.stats().last_ok_ms > found->second.since_ms;
  }
  lane.samples -= entry.arrival.samples;
  ++lane.under_way;
  sent_.emplace(unit.id, std::move(entry));
  return unit;
}

std::vector<WriteUnit> WriteQueue::take_request(Lane& lane, std::int64_t now_ms) {
  std::vector<WriteUnit> units;
  auto& waiting = lane.waiting;
  if (travels_alone(waiting.front().arrival, now_ms)) {
    units.push_back(take_unit(lane, std::move(waiting.front())));
    waiting.pop_front();
    return units;
  }
  std::size_t samples = 0;
  std::deque<Entry> left;
  while (!waiting.empty() && samples < options_.max_samples_per_request &&
         units.size() < max_units_per_request) {
    Entry entry = std::move(waiting.front());
    waiting.pop_front();
    if (travels_alone(entry.arrival, now_ms)) {
      left.push_back(std::move(entry));
      continue;
    }
    samples += entry.arrival.samples;
    units.push_back(take_unit(lane, std::move(entry)));
  }
  for (; !left.empty(); left.pop_back()) waiting.push_front(std::move(left.back()));
  return units;
}

bool WriteQueue::due(const Lane& lane, std::int64_t now_ms, bool flush) const {
  if (lane.waiting.empty()) return false;
  return flush || writer_.free_senders() == writer_.senders() ||
         lane.samples >= options_.max_samples_per_request ||
         now_ms - lane.waiting.front().arrived_ms >= options_.max_wait_ms;
}

// The last free sender is kept for the lane that has nothing under way.
WriteQueue::Lane* WriteQueue::choose_lane(std::int64_t now_ms, bool flush) {
  const bool last = writer_.free_senders() == 1 && writer_.senders() > 1;
  const bool live =
      due(live_, now_ms, flush) &&
      !(last && live_.under_way > 0 && history_.under_way == 0 && !history_.waiting.empty());
  const bool history = due(history_, now_ms, flush) && !(last && history_.under_way > 0);
  if (live && history) {
    const bool is_late = history_.waiting.front().arrived_ms + patience_of_history_ms <
                         live_.waiting.front().arrived_ms;
    return is_late ? &history_ : &live_;
  }
  return live ? &live_ : history ? &history_ : nullptr;
}

void WriteQueue::dispatch(std::int64_t now_ms, bool flush) {
  while (writer_.free_senders() > 0) {
    Lane* const lane = choose_lane(now_ms, flush);
    if (lane == nullptr) return;
    // Only this thread submits: a sender that is free stays free until it is used.
    [[maybe_unused]] const bool taken = writer_.submit(take_request(*lane, now_ms));
    assert(taken);
  }
}

std::optional<WriteQueue::Settled> WriteQueue::settle(UnitOutcome&& outcome, std::int64_t now_ms) {
  auto node = sent_.extract(outcome.id);
  if (node.empty()) return std::nullopt;
  Settled settled;
  settled.arrival = std::move(node.mapped().arrival);
  settled.arrived_ms = node.mapped().arrived_ms;
  bytes_ -= settled.arrival.bytes;
  --lane_of(settled.arrival).under_way;
  nodes_.erase(settled.arrival.node);
  note_trouble(settled.arrival.node, outcome, now_ms);
  settled.outcome = std::move(outcome);
  return settled;
}

void WriteQueue::note_trouble(const std::string& node, const UnitOutcome& outcome,
                              std::int64_t now_ms) {
  const bool clean = outcome.stored && outcome.dropped.empty();
  const auto found = troubles_.find(node);
  if (clean) {
    if (found != troubles_.end() && found->second.alone_until_ms <= now_ms) troubles_.erase(found);
    return;
  }
  if (!outcome.stored && !outcome.server_error) return;
  if (found == troubles_.end() && troubles_.size() >= max_troubles) troubles_.clear();
  Trouble& trouble = troubles_[node];
  trouble.alone_until_ms = now_ms + alone_for_ms;
  if (outcome.stored) {
    trouble.server_errors = 0;
    return;
  }
  if (trouble.server_errors == 0) trouble.since_ms = now_ms;
  ++trouble.server_errors;
}

std::int64_t WriteQueue::next_dispatch_ms() const {
  std::int64_t next_ms = INT64_MAX;
  const std::size_t free = writer_.free_senders();
  if (free == 0) return next_ms;
  for (const Lane* lane : {&live_, &history_}) {
    // The last sender may be kept from it: then only an outcome or an arrival changes that.
    if (lane->waiting.empty() || (free == 1 && lane->under_way > 0)) continue;
    next_ms = std::min(next_ms, lane->waiting.front().arrived_ms + options_.max_wait_ms);
  }
  return next_ms;
}

}  // namespace godwit
