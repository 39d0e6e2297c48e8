// Any bytes end in an error or in an ack that comes back the same.
#include <cstdint>
#include <cstdlib>

#include "transport/ack.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto ack = decode_ack({reinterpret_cast<const char*>(data), size});
  if (!ack) return 0;
  const auto again = decode_ack(encode_ack(*ack));
  if (!again || *again != *ack) std::abort();
  return 0;
}
