#include "transport/frame_thin.h"

#include <algorithm>
#include <cstddef>

namespace godwit {
namespace {

constexpr std::ptrdiff_t few_ticks = 8;

using Kept = std::vector<bool>;  // by tick

std::ptrdiff_t count(const Kept& kept) { return std::count(kept.begin(), kept.end(), true); }

// A tick stays if a series has its only value there, or lost the value before.
Kept keep_by_series(const Frame& frame) {
  std::vector<std::size_t> values;
  for (const auto& column : frame.columns) {
    values.push_back(static_cast<std::size_t>(
        std::count_if(column.begin(), column.end(), [](double v) { return !is_absent(v); })));
  }
  std::vector<bool> lost_one(frame.columns.size());
  Kept kept(frame.ticks());
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    for (std::size_t i = 0; i < frame.columns.size() && !kept[t]; ++i) {
      kept[t] = !is_absent(frame.columns[i][t]) && (values[i] == 1 || lost_one[i]);
    }
    for (std::size_t i = 0; i < frame.columns.size(); ++i) {
      if (!is_absent(frame.columns[i][t])) lost_one[i] = !kept[t];
    }
  }
  return kept;
}

// Every second tick, the last one among them, and one with a value of each lasting series.
Kept keep_by_tick(const Frame& frame, const std::vector<bool>& lasting) {
  Kept kept(frame.ticks());
  for (std::size_t t = frame.ticks(); t > 0; t -= std::min<std::size_t>(t, 2)) kept[t - 1] = true;
  for (std::size_t i = 0; i < std::min(lasting.size(), frame.columns.size()); ++i) {
    const auto& column = frame.columns[i];
    if (!lasting[i]) continue;
    std::size_t last = frame.ticks();
    bool survives = false;
    for (std::size_t t = 0; t < frame.ticks() && !survives; ++t) {
      if (is_absent(column[t])) continue;
      last = t;
      survives = kept[t];
    }
    if (!survives && last < frame.ticks()) kept[last] = true;
  }
  return kept;
}

template <class T>
void keep_only(std::vector<T>& values, const Kept& kept) {
  std::size_t to = 0;
  for (std::size_t t = 0; t < kept.size(); ++t) {
    if (kept[t]) values[to++] = values[t];
  }
  values.resize(to);
}

}  // namespace

std::vector<std::uint64_t> thin_frame(Frame& frame, const std::vector<bool>& lasting) {
  const auto ticks = static_cast<std::ptrdiff_t>(frame.ticks());
  Kept kept = keep_by_series(frame);
  // Half is what is wanted; slow collectors' ticks come on top. A few ticks may well be the only
  // ones of as many collectors.
  const bool spared_most = ticks >= few_ticks && count(kept) > ticks / 2 + ticks / 4;
  if (spared_most || count(kept) == 0) kept = keep_by_tick(frame, lasting);
  std::vector<std::uint64_t> gone;
  for (std::size_t t = 0; t < kept.size(); ++t) {
    if (!kept[t]) gone.push_back(frame.seqs[t]);
  }
  if (gone.empty()) return gone;
  keep_only(frame.seqs, kept);
  keep_only(frame.times_ms, kept);
  for (auto& column : frame.columns) keep_only(column, kept);
  return gone;
}

}  // namespace godwit
