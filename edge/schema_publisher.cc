#include "edge/schema_publisher.h"

#include <utility>
#include <vector>

#include "transport/log.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t clear_interval_ms = 60'000;

}  // namespace

Status SchemaPublisher::publish(Buffer& buffer, SchemaId id) {
  std::vector<std::pair<SchemaId, std::string>> chain;  // child first
  std::optional<SchemaId> at = id;
  while (at && !announced_.contains(*at) && chain.size() <= max_schema_depth) {
    auto stored = buffer.schema(*at);
    if (!stored || !stored->has_value()) {
      log::error("uplink", "a schema is missing in the buffer",
                 {{"schema", format_schema_id(*at)}});
      break;
    }
    chain.emplace_back(*at, std::move((*stored)->message));
    at = (*stored)->parent;
  }
  for (auto step = chain.rbegin(); step != chain.rend(); ++step) {
    Status sent =
        link_.publish(topics::schema(node_, step->first), step->second, Qos::at_least_once, true);
    if (!sent) return sent;
    announced_.insert(step->first);
  }
  return {};
}

void SchemaPublisher::clear_unused(Buffer& buffer, std::int64_t now_ms) {
  if (now_ms < next_clear_ms_) return;
  next_clear_ms_ = now_ms + clear_interval_ms;
  const auto gone = buffer.drop_unused_schemas(current_);
  if (!gone) return;
  for (const SchemaId id : *gone) {
    announced_.erase(id);
    // Retained and empty: the broker forgets it. If that fails it stays, which harms nobody.
    (void)link_.publish(topics::schema(node_, id), "", Qos::at_least_once, true);
  }
}

}  // namespace godwit
