// SchemaStore: a receiver's memory of schema messages, by node. Ids are resolved to whole schemas
// on first use and kept while there is room; the least recently used go first and are asked for
// again (Verdict::need_schema) should they be needed.
//
// One thread. The Schema that find() gives is immutable and shared with whoever still decodes with
// it while the store drops it.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "transport/schema.h"

namespace godwit {

struct SchemaStoreLimits {
  std::size_t schemas = 100'000;
  std::size_t bytes = 512U << 20;  // messages and resolved series, roughly
};

class SchemaStore {
 public:
  explicit SchemaStore(SchemaStoreLimits limits = {}) : limits_(limits) {}

  // A message that came under the name `id`. Error: it is no schema, or not the one of that name.
  Status add(std::string_view node, SchemaId id, std::string_view message);

  struct Found {
    std::shared_ptr<const Schema> schema;  // null when something is missing
    SchemaId missing = 0;                  // then: the schema or parent to ask for
  };
  // Error: the chain is there but longer or wider than schema.h allows.
  Result<Found> find(std::string_view node, SchemaId id);

  void forget(std::string_view node, SchemaId id);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using Key = std::pair<std::string, SchemaId>;
  struct Entry {
    Key key;
    std::string message;
    std::optional<SchemaId> parent;
    std::size_t added = 0;  // series of this message alone
    std::shared_ptr<const Schema> resolved;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  // most recently used first

  Result<Found> resolve(Entries::iterator entry);
  void charge(Entry& entry, std::size_t bytes);
  void erase(Entries::iterator entry);
  void make_room();

  SchemaStoreLimits limits_;
  Entries entries_;
  std::map<Key, Entries::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace godwit
