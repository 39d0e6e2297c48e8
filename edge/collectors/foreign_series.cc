#include "edge/collectors/foreign_series.h"

#include <utility>

#include "transport/schema.h"

namespace godwit {
namespace {

// As long as the agent's schema keeps the column of a series that is gone.
constexpr std::int64_t memory_ms = 3'600'000;

}  // namespace

void ForeignSeries::begin(std::int64_t now_ms) {
  now_ms_ = now_ms;
  ++reading_;
  part_.clear();
  kept_.clear();
  std::erase_if(known_, [&](const auto& entry) {
    const Known& known = entry.second;
    return known.reading + 1 < reading_ && now_ms - known.seen_ms > memory_ms;
  });
}

void ForeignSeries::gather(ExposedSample&& sample) {
  if (part_.size() >= max_series_) {
    ++dropped_.max_series;
  } else if (!is_valid(sample.series)) {
    ++dropped_.invalid;
  } else {
    part_.push_back({std::move(sample.series), sample.value});
  }
}

void ForeignSeries::keep_part() {
  for (auto& sample : part_) {
    const Id id = SeriesHash()(sample.series);
    const auto at = known_.find(id);
    if (at == known_.end() && known_.size() >= max_series_) {
      ++dropped_.max_series;
      continue;
    }
    Known& known = at == known_.end() ? known_[id] : at->second;
    if (known.reading == reading_) {
      ++dropped_.same_series;
      continue;
    }
    known = {now_ms_, reading_};
    kept_.push_back(std::move(sample));
  }
  part_.clear();
}

std::size_t ForeignSeries::finish(Batch& out) {
  for (auto& series : last_) {
    const auto at = known_.find(SeriesHash()(series));
    if (at == known_.end() || at->second.reading != reading_) out.end_foreign(std::move(series));
  }
  last_.clear();
  const std::size_t count = kept_.size();
  for (auto& sample : kept_) {
    last_.push_back(sample.series);
    out.add_foreign(std::move(sample.series), sample.value);
  }
  kept_.clear();
  return count;
}

}  // namespace godwit
