#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "transport/topics.h"

// A topic that is taken apart can be put together again, and nothing else is taken apart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace godwit;
  const std::string_view topic(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_topic(topic);
  if (!parsed) return 0;
  std::string again;
  switch (parsed->kind) {
    case TopicKind::up:
      again = topics::up(parsed->node);
      break;
    case TopicKind::down:
      again = topics::down(parsed->node);
      break;
    case TopicKind::status:
      again = topics::status(parsed->node);
      break;
    case TopicKind::schema:
      again = topics::schema(parsed->node, parse_schema_id(parsed->rest).value());
      break;
    case TopicKind::latest:
      again = topics::latest(parsed->node, parsed->rest);
      break;
  }
  if (again != topic || !check_node_name(parsed->node)) std::abort();
  return 0;
}
