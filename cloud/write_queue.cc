#include "cloud/write_queue.h"

#include <algorithm>
#include <cassert>

namespace godwit {
namespace {

constexpr std::int64_t alone_for_ms = 60'000;
constexpr int server_errors_of_a_suspect = 3;
constexpr std::size_t max_troubles = 10'000;
constexpr std::size_t max_units_per_request = 2000;

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
  waiting_samples_ += arrival.samples;
  waiting_.push_back({std::move(arrival), now_ms});
}

bool WriteQueue::travels_alone(const Arrival& arrival, std::int64_t now_ms) const {
  if (arrival.bodies.size() > 1) return true;
  const auto found = troubles_.find(arrival.node);
  return found != troubles_.end() && found->second.alone_until_ms > now_ms;
}

WriteUnit WriteQueue::take_unit(Entry&& entry) {
  WriteUnit unit;
  unit.id = next_id_++;
  unit.bodies = std::move(entry.arrival.bodies);
  entry.arrival.bodies.clear();
  if (const auto found = troubles_.find(entry.arrival.node); found != troubles_.end()) {
    unit.patient = found->second.server_errors == 0;
    unit.suspect = found->second.server_errors >= server_errors_of_a_suspect;
    unit.database_healthy = writer_.stats().last_ok_ms > found->second.since_ms;
  }
  waiting_samples_ -= entry.arrival.samples;
  sent_.emplace(unit.id, std::move(entry));
  return unit;
}

std::vector<WriteUnit> WriteQueue::take_request(std::int64_t now_ms) {
  std::vector<WriteUnit> units;
  if (travels_alone(waiting_.front().arrival, now_ms)) {
    units.push_back(take_unit(std::move(waiting_.front())));
    waiting_.pop_front();
    return units;
  }
  std::size_t samples = 0;
  std::deque<Entry> left;
  while (!waiting_.empty() && samples < options_.max_samples_per_request &&
         units.size() < max_units_per_request) {
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    if (travels_alone(entry.arrival, now_ms)) {
      left.push_back(std::move(entry));
      continue;
    }
    samples += entry.arrival.samples;
    units.push_back(take_unit(std::move(entry)));
  }
  for (; !left.empty(); left.pop_back()) waiting_.push_front(std::move(left.back()));
  return units;
}

void WriteQueue::dispatch(std::int64_t now_ms, bool flush) {
  while (!waiting_.empty()) {
    const std::size_t free = writer_.free_senders();
    const bool due = flush || free == writer_.senders() ||
                     waiting_samples_ >= options_.max_samples_per_request ||
                     now_ms - waiting_.front().arrived_ms >= options_.max_wait_ms;
    if (free == 0 || !due) return;
    // Only this thread submits: a sender that is free stays free until it is used.
    [[maybe_unused]] const bool taken = writer_.submit(take_request(now_ms));
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
  if (waiting_.empty() || writer_.free_senders() == 0) return INT64_MAX;
  return waiting_.front().arrived_ms + options_.max_wait_ms;
}

}  // namespace godwit
