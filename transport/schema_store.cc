#include "transport/schema_store.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "transport/text.h"

namespace godwit {
namespace {

std::size_t weight(const Series& series) {
  std::size_t bytes = sizeof(Series) + series.name.capacity();
  for (const auto& label : series.labels) {
    bytes += sizeof(Label) + label.name.capacity() + label.value.capacity();
  }
  return bytes;
}

std::size_t weight(const Schema& schema) {
  std::size_t bytes = sizeof(Schema);
  for (const auto& series : schema.series) bytes += weight(series);
  return bytes;
}

}  // namespace

Status SchemaStore::add(std::string_view node, SchemaId id, std::string_view message) {
  Key key(node, id);
  if (by_key_.contains(key)) return {};
  const auto part = decode_schema(message);
  if (!part) return part.error();
  if (part->id != id) {
    return Error{ErrorCode::invalid, concat("schema ", format_schema_id(part->id),
                                            " came under the name ", format_schema_id(id))};
  }
  entries_.push_front(
      {std::move(key), std::string(message), part->parent, part->added.size(), nullptr, 0});
  by_key_[entries_.front().key] = entries_.begin();
  charge(entries_.front(), sizeof(Entry) + node.size() + message.size());
  make_room();
  return {};
}

Result<SchemaStore::Found> SchemaStore::find(std::string_view node, SchemaId id) {
  const auto at = by_key_.find(Key(node, id));
  if (at == by_key_.end()) return Found{nullptr, id};
  entries_.splice(entries_.begin(), entries_, at->second);
  if (at->second->resolved) return Found{at->second->resolved, 0};
  return resolve(at->second);
}

// Up the chain first, which costs little, so that a chain that lacks a parent or is too large is
// not decoded again and again.
Result<SchemaStore::Found> SchemaStore::resolve(Entries::iterator entry) {
  const auto too_much = [&](std::string_view what) {
    return Error{ErrorCode::invalid, concat("schema ", format_schema_id(entry->key.second), what)};
  };
  std::vector<Entries::iterator> chain;
  std::size_t width = 0;
  for (std::optional<SchemaId> next = entry->key.second; next;) {
    if (chain.size() == max_schema_depth) return too_much(" has too many parents");
    const auto at = by_key_.find(Key(entry->key.first, *next));
    if (at == by_key_.end()) return Found{nullptr, *next};
    chain.push_back(at->second);
    width += at->second->added;
    if (width > max_schema_series) return too_much(" has too many series");
    next = at->second->parent;
  }
  auto whole = std::make_shared<Schema>();
  whole->id = entry->key.second;
  whole->series.reserve(width);
  for (auto one = chain.rbegin(); one != chain.rend(); ++one) {
    auto part = decode_schema((*one)->message);
    assert(part && "add() keeps only what decodes");
    std::move(part->added.begin(), part->added.end(), std::back_inserter(whole->series));
    // Parents are in use as long as their children are.
    entries_.splice(entries_.begin(), entries_, *one);
  }
  entry->resolved = std::move(whole);
  charge(*entry, entry->bytes + weight(*entry->resolved));
  const Found found{entry->resolved, 0};
  make_room();
  return found;
}

void SchemaStore::forget(std::string_view node, SchemaId id) {
  const auto at = by_key_.find(Key(node, id));
  if (at != by_key_.end()) erase(at->second);
}

void SchemaStore::charge(Entry& entry, std::size_t bytes) {
  bytes_ += bytes - entry.bytes;
  entry.bytes = bytes;
}

void SchemaStore::erase(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void SchemaStore::make_room() {
  while (entries_.size() > 1 && (entries_.size() > limits_.schemas || bytes_ > limits_.bytes)) {
    erase(std::prev(entries_.end()));
  }
}

}  // namespace godwit
