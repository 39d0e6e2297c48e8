// The schemas that Buffer keeps for its rows.
#include "edge/buffer.h"
#include "transport/text.h"

namespace godwit {

Status Buffer::put_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message) {
  if (limits_.durability != Durability::spare_flash) return store_schema(id, parent, message);
  const auto known = schema(id);
  if (known && !*known) ram_schemas_[id] = {parent, std::string(message)};
  return known ? Status{} : known.error();
}

Status Buffer::store_schema(SchemaId id, std::optional<SchemaId> parent, std::string_view message) {
  auto insert = db_.prepare("INSERT OR IGNORE INTO schemas(id, parent, message) VALUES(?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(id);
  if (parent) {
    insert->bind(*parent);
  } else {
    insert->bind_null();
  }
  return insert->bind_blob(message).run();
}

Result<std::optional<Buffer::StoredSchema>> Buffer::schema(SchemaId id) {
  if (const auto known = ram_schemas_.find(id); known != ram_schemas_.end()) {
    return std::optional(known->second);
  }
  auto select = db_.prepare("SELECT parent, message FROM schemas WHERE id = ?");
  if (!select) return select.error();
  const auto row = select->bind(id).step();
  if (!row) return row.error();
  if (!*row) return std::optional<StoredSchema>{};
  StoredSchema found;
  if (!select->is_null(0)) found.parent = select->number(0);
  found.message = select->bytes(1);
  return std::optional(std::move(found));
}

Result<bool> Buffer::has_schema(SchemaId id) {
  std::optional<SchemaId> at = id;
  for (std::size_t depth = 0; at && depth < max_schema_depth; ++depth) {
    const auto found = schema(*at);
    if (!found) return found.error();
    if (!found->has_value()) return false;
    const auto part = decode_schema((*found)->message);
    if (!part || part->id != *at) return false;
    at = part->parent;
  }
  return !at;
}

bool Buffer::extends(SchemaId child, SchemaId ancestor) {
  for (std::size_t depth = 0; depth < max_schema_depth && child != ancestor; ++depth) {
    const auto found = schema(child);
    if (!found || !found->has_value() || !(*found)->parent) return false;
    child = *(*found)->parent;
  }
  return child == ancestor;
}

// Chains of what is kept and of what only RAM knows.
std::set<SchemaId> Buffer::schemas_in_ram(std::optional<SchemaId> kept) {
  std::set<SchemaId> needed;
  const auto add_chain = [&](std::optional<SchemaId> at) {
    while (at && needed.insert(*at).second) {
      const auto found = schema(*at);
      if (!found || !*found) return;
      at = (*found)->parent;
    }
  };
  add_chain(kept);
  for (const auto& row : front_.rows()) add_chain(row.frame.schema);
  return needed;
}

Result<std::vector<SchemaId>> Buffer::drop_unused_schemas(std::optional<SchemaId> kept) {
  std::string in_ram;
  std::vector<SchemaId> gone;
  const std::set<SchemaId> needed = schemas_in_ram(kept);
  for (const SchemaId id : needed) {
    in_ram += concat(" UNION SELECT ", static_cast<std::int64_t>(id));
  }
  std::erase_if(ram_schemas_, [&](const auto& schema) {
    if (needed.contains(schema.first)) return false;
    gone.push_back(schema.first);
    return true;
  });
  auto erase = db_.prepare(
      concat("WITH RECURSIVE needed(id) AS (SELECT schema FROM frames WHERE last_seq > ?", in_ram,
             " UNION SELECT s.parent FROM schemas s JOIN needed n ON s.id = n.id "
             "WHERE s.parent IS NOT NULL) "
             "DELETE FROM schemas WHERE id NOT IN (SELECT id FROM needed) RETURNING id"));
  if (!erase) return erase.error();
  erase->bind(released_);
  for (;;) {
    const auto more = erase->step();
    if (!more) return more.error();
    if (!*more) return gone;
    gone.push_back(erase->number(0));
  }
}

}  // namespace godwit
