// Any bytes in place of nvidia-smi's outputs: rows or none, and series that keep their rules.
// Seeds: test/fixtures/nvidia-smi.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/collectors/nvidia_smi/query.h"
#include "edge/collectors/nvidia_smi/series.h"
#include "transport/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace godwit;
  using nvidia_smi::Field;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)nvidia_smi::parse_fields(text);
  (void)nvidia_smi::lost_gpus(text);
  const std::vector<nvidia_smi::Column> few = {{Field::index, "index"},
                                               {Field::uuid, "uuid"},
                                               {Field::power, "power.draw"},
                                               {Field::event_reasons, "reasons"}};
  const auto rows = nvidia_smi::parse_gpus(text, few);
  Batch batch;
  EnergyMeter energy;
  nvidia_smi::add_gpus(rows.gpus, energy, 1000, batch);
  nvidia_smi::add_processes(rows.gpus, nvidia_smi::parse_processes(text), 10, batch);
  for (const auto& sample : batch.samples()) {
    if (!(sample.value >= -60)) std::abort();
    for (const auto& label : sample.series.labels) {
      if (label.value.empty() || !is_utf8(label.value)) std::abort();
    }
  }
  return 0;
}
