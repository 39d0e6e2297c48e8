// Any bytes of a kubelet: first as its answer's message, then as the HTTP/2 that carries it.
// Devices or an Error, within the bounds.
#include <cstdint>
#include <cstdlib>

#include "edge/collectors/pod_resources/devices.h"
#include "edge/grpc_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace godwit;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto devices = parse_pod_devices(bytes)) {
    if (devices->size() > max_pod_devices) std::abort();
    for (const auto& one : *devices) {
      if (one.id.empty() || one.pod.empty() || one.container.empty()) std::abort();
    }
  }
  constexpr std::size_t most = 64;
  GrpcCall call("/v1.PodResourcesLister/List", "", most);
  std::string out;
  call.take_output(out, 1U << 16);
  if (out.empty()) std::abort();
  for (const auto piece : {bytes.substr(0, size / 2), bytes.substr(size / 2)}) {
    if (!call.receive(piece)) return 0;
    call.take_output(out, 1U << 20);
  }
  if (const auto message = call.take(); message && message->size() > most) std::abort();
  return 0;
}
