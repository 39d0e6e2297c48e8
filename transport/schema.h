// Schema: the table of series that a frame's columns refer to, sent once instead of in every frame.
//
// A schema message is one MessagePack map, named by the first 8 bytes of the SHA-256 of its bytes
// (16 hex digits in topics). It holds all its series, or a parent's id and the series that it adds
// behind the parent's. Column i of a frame belongs to series i of its schema. The byte-level
// grammar is FRAME.md; msgpack-c is confined to the codec files beside this header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

using SchemaId = std::uint64_t;

// 16 lower-case hex digits, most significant first, as in `…/schema/<hash>`.
std::string format_schema_id(SchemaId id);
std::optional<SchemaId> parse_schema_id(std::string_view text);

// One schema message, decoded. `added` are the series behind the parent's (all, without parent).
struct SchemaPart {
  SchemaId id = 0;
  std::optional<SchemaId> parent;
  std::vector<Series> added;
};

// A schema with its whole chain of parents resolved.
struct Schema {
  SchemaId id = 0;
  std::vector<Series> series;
};

// Limits of what a decoder accepts.
inline constexpr std::size_t max_schema_bytes = 4U << 20;
inline constexpr std::size_t max_schema_series = 50'000;
inline constexpr std::size_t max_schema_depth = 64;  // parents in a chain
inline constexpr std::size_t max_labels = 64;
inline constexpr std::size_t max_name_bytes = 256;
inline constexpr std::size_t max_label_value_bytes = 4096;

// Within the limits above, with names and values as decode_schema() wants them.
bool is_valid(const Series& series);

// The bytes of a schema message; schema_id_of(bytes) is its id. Deterministic.
std::string encode_schema(std::optional<SchemaId> parent, const std::vector<Series>& added);
SchemaId schema_id_of(std::string_view message);

// Refuses hostile sizes before it allocates; checks names (metric [a-zA-Z_:][a-zA-Z0-9_:]*, label
// [a-zA-Z_][a-zA-Z0-9_]*), UTF-8, that labels are sorted and not repeated. Any thread.
Result<SchemaPart> decode_schema(std::string_view message);

}  // namespace godwit
