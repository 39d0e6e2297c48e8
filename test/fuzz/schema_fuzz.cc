// Any bytes end in an error or in a schema that comes back the same.
#include <cstdint>
#include <cstdlib>

#include "transport/schema.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto part = decode_schema({reinterpret_cast<const char*>(data), size});
  if (!part) return 0;
  const auto again = decode_schema(encode_schema(part->parent, part->added));
  if (!again || again->parent != part->parent || again->added != part->added) std::abort();
  return 0;
}
