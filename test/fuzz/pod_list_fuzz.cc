// A MetaServer's answer, in pieces: any bytes end in pods or an Error, within the bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "edge/collectors/pods/pod_facts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  godwit::PodListReader reader;
  const std::size_t half = size / 2;
  const bool fed = reader.feed(text.substr(0, half)).ok() && reader.feed(text.substr(half)).ok();
  if (!fed) return 0;
  const auto pods = reader.take();
  if (!pods) return 0;
  if (pods->size() > godwit::max_pods) std::abort();
  for (const auto& pod : *pods) {
    if (pod.name.empty() || pod.uid.empty()) std::abort();
    if (pod.containers.size() > godwit::max_pod_containers) std::abort();
    static_cast<void>(godwit::parse_quantity(pod.phase));
  }
  return 0;
}
