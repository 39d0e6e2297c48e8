// SchemaPublisher: keeps the schema messages that frames refer to published, retained, and clears
// those that no stored frame needs any more. Owner thread only; used by Uplink.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "edge/buffer.h"
#include "transport/link.h"

namespace godwit {

class SchemaPublisher {
 public:
  // The link must outlive it.
  SchemaPublisher(Link& link, std::string node) : link_(link), node_(std::move(node)) {}

  // The schema that new ticks use stays published though no stored row may use it.
  void set_current(SchemaId id) { current_ = id; }
  // What was published may be unknown to the other side: another connection, or it asked.
  void forget() { announced_.clear(); }
  // Publishes `id` and its parents unless this connection has them. An Error is the link's.
  Status publish(Buffer& buffer, SchemaId id);
  // Once a minute.
  void clear_unused(Buffer& buffer, std::int64_t now_ms);

 private:
  Link& link_;
  std::string node_;
  std::set<SchemaId> announced_;  // on this connection
  std::optional<SchemaId> current_;
  std::int64_t next_clear_ms_ = 0;
};

}  // namespace godwit
