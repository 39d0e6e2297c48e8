// Any bytes in place of npu-smi's output: a report or an Error, and series that keep their rules.
// Seeds: test/fixtures/npu-smi and its folders.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/collectors/npu_smi/parse.h"
#include "edge/collectors/npu_smi/series.h"
#include "transport/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace godwit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto report = npu_smi::parse_report(text);
  if (!report) return 0;
  if (!is_utf8(npu_smi::report_json(*report, "fuzz"))) std::abort();
  const auto* table = std::get_if<npu_smi::InfoTable>(&*report);
  if (table == nullptr) return 0;
  Batch batch;
  npu_smi::add_series(*table, {}, 10, batch);
  for (const auto& sample : batch.samples()) {
    if (!(sample.value >= -60)) std::abort();
    for (const auto& label : sample.series.labels) {
      if (label.value.empty() || !is_utf8(label.value)) std::abort();
    }
  }
  return 0;
}
