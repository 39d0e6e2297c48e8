#include "transport/frame_merge.h"

#include <algorithm>
#include <cassert>

namespace godwit {
namespace {

template <class T>
void drop_front(std::vector<T>& values, std::size_t count) {
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

bool append_frame(Frame& into, const Frame& next, bool extends) {
  if (into.stream != next.stream || into.history != next.history ||
      into.keep_every != next.keep_every || (into.schema != next.schema && !extends) ||
      next.first_seq() <= into.last_seq() || next.times_ms.front() < into.times_ms.back()) {
    return false;
  }
  const std::size_t old_ticks = into.ticks();
  const std::size_t ticks = old_ticks + next.ticks();
  const std::size_t width = std::max(into.columns.size(), next.columns.size());
  if (ticks > max_frame_ticks || width > max_frame_values / ticks) return false;

  into.schema = next.schema;
  into.seqs.insert(into.seqs.end(), next.seqs.begin(), next.seqs.end());
  into.times_ms.insert(into.times_ms.end(), next.times_ms.begin(), next.times_ms.end());
  into.columns.resize(width, std::vector<double>(old_ticks, absent));
  for (std::size_t i = 0; i < width; ++i) {
    auto& column = into.columns[i];
    if (i < next.columns.size()) {
      column.insert(column.end(), next.columns[i].begin(), next.columns[i].end());
    } else {
      column.resize(ticks, absent);
    }
  }
  return true;
}

void trim_frame(Frame& frame, std::uint64_t first_seq_to_keep) {
  const auto first = std::lower_bound(frame.seqs.begin(), frame.seqs.end(), first_seq_to_keep);
  const auto count = static_cast<std::size_t>(first - frame.seqs.begin());
  drop_front(frame.seqs, count);
  drop_front(frame.times_ms, count);
  for (auto& column : frame.columns) drop_front(column, count);
}

Frame split_frame(Frame& frame, std::size_t ticks) {
  assert(ticks > 0 && ticks < frame.ticks());
  Frame rest = frame;
  trim_frame(rest, frame.seqs[ticks]);
  frame.seqs.resize(ticks);
  frame.times_ms.resize(ticks);
  for (auto& column : frame.columns) column.resize(ticks);
  return rest;
}

}  // namespace godwit
