// Any bytes as a reply of the jtop service: decode, read as every kind of data, write again.
#include <cstdint>
#include <string>

#include "edge/collectors/jtop/jtop.h"
#include "edge/collectors/jtop/jtop_data.h"
#include "edge/collectors/jtop/manager.h"
#include "edge/collectors/jtop/pickle.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  const auto pickle = Pickle::decode(bytes);
  if (!pickle) return 0;
  (void)parse_jtop_file(bytes).ok();
  (void)read_jtop_reply(bytes).ok();
  const PickleValue root = pickle->root();
  for (const PickleValue value : {root, root.at(1)}) {
    (void)parse_jtop_modern(value);
    (void)parse_jtop_legacy(value);
    (void)parse_jtop_init(value["init"]);
  }
  // What can be written reads back.
  if (const auto copy = pickle_copy(root)) {
    const std::string again = pickle_document(*copy);
    if (again.size() <= pickle_max_bytes && !Pickle::decode(again)) __builtin_trap();
  }
  return 0;
}
