// A recorded trace as test/bench/trace_exporter.py writes it: `bin`, rows of little-endian doubles,
// one row per second; `series`, a line of name, labels, decimals, type for each of its columns.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "transport/frame.h"
#include "transport/metric.h"
#include "transport/text.h"

namespace godwit::test {

inline std::vector<Series> trace_series(std::string_view text) {
  std::vector<Series> all;
  for (const auto line : split_lines(text)) {
    const auto fields = split(line, '\t');
    Series series{
        std::string(fields.at(0)), {}, fields.at(3) == "counter" ? Kind::counter : Kind::gauge};
    for (const auto label : split(fields[1], ',')) {
      const auto parts = split(label, '"');  // name=, value, nothing
      if (parts.size() == 3) {
        series.labels.push_back(
            {std::string(parts[0].substr(0, parts[0].size() - 1)), std::string(parts[1])});
      }
    }
    std::sort(series.labels.begin(), series.labels.end());
    all.push_back(std::move(series));
  }
  return all;
}

// Whole frames only; what is left over at the end of the trace is not used.
inline std::vector<Frame> trace_frames(std::string_view trace, std::size_t width,
                                       std::size_t ticks) {
  const std::size_t rows = trace.size() / (width * sizeof(double));
  std::vector<Frame> frames;
  for (std::size_t row = 0; row + ticks <= rows; row += ticks) {
    Frame frame;
    frame.stream = 0x1f3a'77c2'90de'4b58;
    frame.schema = 0x8d02'e19b'4c6f'a735;
    frame.columns.resize(width);
    for (std::size_t t = row; t < row + ticks; ++t) {
      frame.seqs.push_back(100'000 + t);
      frame.times_ms.push_back(1'795'000'000'000 + 1000 * static_cast<std::int64_t>(t));
      for (std::size_t i = 0; i < width; ++i) {
        double value = 0;
        std::memcpy(&value, trace.data() + (t * width + i) * sizeof value, sizeof value);
        frame.columns[i].push_back(value);
      }
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace godwit::test
