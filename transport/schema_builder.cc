#include "transport/schema_builder.h"

#include <algorithm>
#include <cassert>

namespace godwit {
namespace {

// Most that a series takes in a schema message.
std::size_t most_bytes(const Series& series) {
  constexpr std::size_t head = 5;  // of a text, an array or a map
  std::size_t bytes = 4 * head + series.name.size();
  for (const auto& label : series.labels) {
    bytes += 2 * head + label.name.size() + label.value.size();
  }
  return bytes;
}

// A chain that is longer is split no more, so that it stays within max_schema_depth whatever comes.
constexpr std::size_t longest_split_chain = max_schema_depth / 2;

}  // namespace

SchemaBuilder::SchemaBuilder(Options options) : options_(options) {
  assert(options_.max_depth >= 1 && options_.max_depth <= max_schema_depth);
  assert(options_.max_series <= max_schema_series);
}

const std::vector<std::size_t>& SchemaBuilder::place(const std::vector<Sample>& samples,
                                                     std::int64_t now_ms) {
  std::vector<const Series*> fresh;
  for (const auto& sample : samples) {
    const auto at = index_.find(sample.series);
    if (at != index_.end()) {
      columns_[at->second].used_ms = now_ms;
    } else if (is_valid(sample.series)) {
      fresh.push_back(&sample.series);
    }
  }
  if (!fresh.empty()) grow(fresh, now_ms);

  placed_.clear();
  for (const auto& sample : samples) {
    const auto at = index_.find(sample.series);
    placed_.push_back(at == index_.end() ? no_column : at->second);
  }
  return placed_;
}

void SchemaBuilder::grow(const std::vector<const Series*>& fresh, std::int64_t now_ms) {
  const auto gone = [&](const Column& c) { return now_ms - c.used_ms > options_.idle_ms; };
  const auto idle = static_cast<std::size_t>(std::count_if(columns_.begin(), columns_.end(), gone));
  const bool full =
      columns_.size() + fresh.size() > options_.max_series || bytes_ > max_schema_bytes / 2;
  const bool renew =
      idle * 2 > columns_.size() || (full && idle > 0) || schemas_ >= options_.max_depth;

  std::optional<SchemaId> parent = current_;
  std::size_t old_width = columns_.size();
  if (renew) {
    std::vector<Column> kept;
    std::copy_if(columns_.begin(), columns_.end(), std::back_inserter(kept),
                 [&](const Column& c) { return !gone(c); });
    const auto old_index = std::move(index_);
    index_ = {};
    columns_.clear();
    bytes_ = 0;
    for (const auto& column : kept) add_column(*column.series, column.used_ms);
    parent.reset();
    old_width = 0;
    schemas_ = 0;
  }
  for (const Series* series : fresh) add_column(*series, now_ms);
  if (columns_.size() == old_width) return;  // no room for any of them

  std::vector<Series> added;
  for (std::size_t i = old_width; i < columns_.size(); ++i) added.push_back(*columns_[i].series);
  ++schemas_;
  remember(parent, added);
}

// Does nothing when there is no room.
void SchemaBuilder::add_column(const Series& series, std::int64_t now_ms) {
  const std::size_t bytes = most_bytes(series);
  if (columns_.size() == options_.max_series || bytes_ + bytes > max_schema_bytes) return;
  const auto [at, is_new] = index_.try_emplace(series, columns_.size());
  if (!is_new) return;
  columns_.push_back({&at->first, now_ms});
  bytes_ += bytes;
}

void SchemaBuilder::remember(std::optional<SchemaId> parent, const std::vector<Series>& added) {
  std::string message = encode_schema(parent, added);
  if (message.size() > options_.max_message_bytes && added.size() > 1 &&
      depth(parent) < longest_split_chain) {
    const auto half = added.begin() + static_cast<std::ptrdiff_t>(added.size() / 2);
    remember(parent, {added.begin(), half});
    return remember(current_, {half, added.end()});
  }
  current_ = schema_id_of(message);
  known_[*current_] = {std::move(message), parent};
}

std::size_t SchemaBuilder::depth(std::optional<SchemaId> id) const {
  return id ? messages(*id).size() : 0;
}

bool SchemaBuilder::continues(SchemaId newer, SchemaId older) const {
  for (std::size_t steps = 0; steps <= max_schema_depth; ++steps) {
    if (newer == older) return true;
    const auto at = known_.find(newer);
    if (at == known_.end() || !at->second.parent) return false;
    newer = *at->second.parent;
  }
  return false;
}

std::vector<SchemaBuilder::Message> SchemaBuilder::messages(SchemaId id) const {
  std::vector<Message> chain;
  std::optional<SchemaId> next = id;
  while (next) {
    const auto at = known_.find(*next);
    if (at == known_.end() || chain.size() == max_schema_depth) return {};
    chain.emplace_back(at->first, at->second.message);
    next = at->second.parent;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::vector<SchemaId> SchemaBuilder::keep_only(const std::set<SchemaId>& in_use) {
  std::set<SchemaId> kept;
  const auto keep = [&](std::optional<SchemaId> id) {
    while (id && kept.insert(*id).second) {
      const auto at = known_.find(*id);
      id = at == known_.end() ? std::nullopt : at->second.parent;
    }
  };
  for (const SchemaId id : in_use) keep(id);
  keep(current_);
  std::vector<SchemaId> gone;
  for (const auto& [id, known] : known_) {
    if (!kept.contains(id)) gone.push_back(id);
  }
  for (const SchemaId id : gone) known_.erase(id);
  return gone;
}

Status SchemaBuilder::restore(const std::vector<std::string>& messages_in,
                              std::optional<SchemaId> current, std::int64_t now_ms) {
  assert(!current_ && columns_.empty());
  std::map<SchemaId, std::vector<Series>> series;
  for (const auto& message : messages_in) {
    auto part = decode_schema(message);
    if (!part) continue;
    known_[part->id] = {message, part->parent};
    series[part->id] = std::move(part->added);
  }
  if (!current) return {};
  const auto chain = messages(*current);
  std::size_t total = 0;
  for (const auto& [id, message] : chain) {
    for (const auto& one : series[id]) add_column(one, now_ms);
    total += series[id].size();
  }
  // A series twice would shift columns; our own messages have none.
  if (chain.empty() || total != columns_.size() || total > options_.max_series) {
    index_.clear();
    columns_.clear();
    bytes_ = 0;
    return Error{ErrorCode::corrupt,
                 "schema " + format_schema_id(*current) + ": its stored chain is not whole"};
  }
  current_ = current;
  schemas_ = chain.size();
  return {};
}

}  // namespace godwit
