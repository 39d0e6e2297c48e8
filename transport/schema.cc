#include "transport/schema.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "transport/compress.h"
#include "transport/digest.h"
#include "transport/msgpack.h"
#include "transport/text.h"

namespace godwit {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label_name(std::string_view name) {
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_metric_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

void read_labels(Reader& reader, Labels& labels) {
  const std::size_t count = reader.map(max_labels);
  labels.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::string_view name = reader.text(max_name_bytes);
    const std::string_view value = reader.text(max_label_value_bytes);
    if (!reader.ok()) return;
    if (!is_label_name(name)) return reader.fail("not a label name");
    if (value.empty() || !is_utf8(value)) return reader.fail("a label value is empty or not UTF-8");
    if (!labels.empty() && labels.back().name >= name) {
      return reader.fail("labels are not sorted, or one comes twice");
    }
    labels.push_back({std::string(name), std::string(value)});
  }
}

void read_series(Reader& reader, std::vector<Series>& out) {
  if (reader.array(3) != 3) return reader.fail("a series is not name, kind and labels");
  Series series;
  const std::string_view name = reader.text(max_name_bytes);
  if (reader.ok() && !is_metric_name(name)) return reader.fail("not a metric name");
  series.name = name;
  series.kind = static_cast<Kind>(reader.integer(0, static_cast<int>(Kind::stateset)));
  read_labels(reader, series.labels);
  if (reader.ok()) out.push_back(std::move(series));
}

Status read_schema(std::string_view plain, SchemaPart& part) {
  Reader reader(plain);
  const std::size_t fields = reader.map(3);
  if (reader.text(1) != "v") reader.fail("field v does not come first");
  reader.integer(1, 1);
  std::string_view field = reader.text(1);
  if (field == "p") {
    part.parent = reader.id();
    field = reader.text(1);
  }
  if (field != "a" || fields != (part.parent ? 3U : 2U)) {
    reader.fail("fields are not v, p if there is a parent, a");
  }
  const std::size_t count = reader.array(max_schema_series);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) read_series(reader, part.added);
  return reader.finish();
}

}  // namespace

std::string format_schema_id(SchemaId id) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; id >>= 4) text[i] = "0123456789abcdef"[id & 0xf];
  return text;
}

std::optional<SchemaId> parse_schema_id(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
  if (text.size() != 16 || !plain) return std::nullopt;
  return parse_int<SchemaId>(text, 16);
}

std::string encode_schema(std::optional<SchemaId> parent, const std::vector<Series>& added) {
  assert(added.size() <= max_schema_series);
  std::string out;
  Packer packer(out);
  packer.map(parent ? 3 : 2);
  packer.text("v");
  packer.integer(1);
  if (parent) {
    packer.text("p");
    packer.id(*parent);
  }
  packer.text("a");
  packer.array(added.size());
  for (const auto& series : added) {
    packer.array(3);
    packer.text(series.name);
    packer.integer(static_cast<std::int64_t>(series.kind));
    packer.map(series.labels.size());
    for (const auto& label : series.labels) {
      packer.text(label.name);
      packer.text(label.value);
    }
  }
  return compress_if_smaller(std::move(out));
}

SchemaId schema_id_of(std::string_view message) {
  const std::string digest = sha256(message);
  SchemaId id = 0;
  for (std::size_t i = 0; i < 8; ++i) id = id << 8 | static_cast<unsigned char>(digest[i]);
  return id;
}

Result<SchemaPart> decode_schema(std::string_view message) {
  if (message.size() > max_schema_bytes) {
    return Error{ErrorCode::invalid, concat("schema: larger than ", max_schema_bytes, " bytes")};
  }
  std::string scratch;
  const auto plain = decompress(message, scratch, max_schema_bytes);
  if (!plain) return plain.error().with_prefix("schema");
  SchemaPart part;
  const Status status = read_schema(*plain, part);
  if (!status) return status.error().with_prefix("schema");
  part.id = schema_id_of(message);
  return part;
}

}  // namespace godwit
