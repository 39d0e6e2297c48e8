#include "cloud/dedup.h"

#include <algorithm>
#include <cassert>

namespace godwit {

Dedup::Stream* Dedup::find(std::string_view node, std::uint64_t stream) {
  const auto found = by_key_.find({std::string(node), stream});
  if (found == by_key_.end()) return nullptr;
  streams_.splice(streams_.begin(), streams_, found->second);
  return &streams_.front();
}

void Dedup::add(std::string_view node, std::uint64_t stream, std::uint64_t first,
                std::uint64_t last) {
  assert(first <= last);
  Stream* known = find(node, stream);
  if (known == nullptr) {
    streams_.push_front({{std::string(node), stream}, {}});
    known = &streams_.front();
    by_key_.emplace(known->key, streams_.begin());
    if (streams_.size() > max_streams_) {
      by_key_.erase(streams_.back().key);
      streams_.pop_back();
    }
  }
  auto& ranges = known->ranges;
  // Everything that touches [first, last] becomes one range with it.
  const auto begin = std::find_if(ranges.begin(), ranges.end(), [&](const auto& range) {
    return range.second == UINT64_MAX || range.second + 1 >= first;
  });
  auto end = begin;
  for (; end != ranges.end() && (last == UINT64_MAX || end->first <= last + 1); ++end) {
    first = std::min(first, end->first);
    last = std::max(last, end->second);
  }
  ranges.insert(ranges.erase(begin, end), {first, last});
  if (ranges.size() > max_ranges) ranges.erase(ranges.begin());
}

std::uint64_t Dedup::first_missing(std::string_view node, std::uint64_t stream, std::uint64_t seq) {
  const Stream* known = find(node, stream);
  if (known == nullptr) return seq;
  for (const auto& [first, last] : known->ranges) {
    if (first <= seq && seq <= last) return last == UINT64_MAX ? last : last + 1;
  }
  return seq;
}

}  // namespace godwit
