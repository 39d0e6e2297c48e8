// Live frames of Ascend nodes for tests: made of captures by the agent's own reader, or by hand.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "edge/collectors/npu_smi/parse.h"
#include "edge/collectors/npu_smi/series.h"
#include "test/support/support.h"
#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit::test {

struct FrameOf {
  Schema schema;
  Frame frame;

  // All columns have as many values as the first; ticks are a second apart.
  void add(const std::string& name, Labels labels, std::vector<double> values,
           std::int64_t start_ms = 1'795'000'000'000) {
    while (frame.times_ms.size() < values.size()) {
      frame.seqs.push_back(frame.seqs.size() + 1);
      frame.times_ms.push_back(start_ms + 1000 * static_cast<std::int64_t>(frame.times_ms.size()));
    }
    schema.series.push_back({name, std::move(labels), Kind::gauge});
    frame.columns.push_back(std::move(values));
  }
};

// One tick with what the collector makes of a capture of test/fixtures/npu-smi.
inline FrameOf npu_frame(const std::string& capture, std::int64_t time_ms) {
  const auto table = npu_smi::parse_info_table(read_file(fixture("npu-smi/" + capture)));
  if (!table) throw std::runtime_error("no table in " + capture);
  Batch batch;
  npu_smi::add_series(*table, {}, 10, batch);
  FrameOf made;
  for (const auto& sample : batch.samples()) {
    made.add(sample.series.name, sample.series.labels, {sample.value}, time_ms);
  }
  return made;
}

}  // namespace godwit::test
