// Latest, status and relay state: any bytes end in an error or in a value; a status and a relay
// state come back the same. Topics too, as their names come from the same strangers.
#include <cstdint>
#include <cstdlib>

#include "transport/latest.h"
#include "transport/topics.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto latest = decode_latest(input);
  if (latest && latest->values.size() > size) std::abort();
  const auto status = decode_status(input);
  if (status && *decode_status(encode_status(*status)) != *status) std::abort();
  const auto state = decode_relay_state(input);
  if (state && *decode_relay_state(encode_relay_state(*state)) != *state) std::abort();
  const auto topic = parse_topic(input);
  if (topic && !check_node_name(topic->node)) std::abort();
  return 0;
}
