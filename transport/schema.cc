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

// Why a series is not fit for a schema; nullptr when it is.
const char* fault_of(const Series& series) {
  if (series.name.size() > max_name_bytes || !is_metric_name(series.name)) {
    return "not a metric name";
  }
  if (series.labels.size() > max_labels) return "more labels than allowed";
  const Label* last = nullptr;
  for (const auto& label : series.labels) {
    if (label.name.size() > max_name_bytes || !is_label_name(label.name)) {
      return "not a label name";
    }
    if (label.value.empty() || label.value.size() > max_label_value_bytes ||
        !is_utf8(label.value)) {
      return "a label value is empty, too long or not UTF-8";
    }
    if (last != nullptr && last->name >= label.name) {
      return "labels are not sorted, or one comes twice";
    }
    last = &label;
  }
  return nullptr;
}

void read_series(Reader& reader, std::vector<Series>& out) {
  if (reader.array(3) != 3) return reader.fail("a series is not name, kind and labels");
  Series series;
  series.name = reader.text(max_name_bytes);
  series.kind = static_cast<Kind>(reader.integer(0, static_cast<int>(Kind::stateset)));
  const std::size_t labels = reader.map(max_labels);
  series.labels.resize(labels);
  for (auto& label : series.labels) {
    label.name = reader.text(max_name_bytes);
    label.value = reader.text(max_label_value_bytes);
  }
  if (!reader.ok()) return;
  if (const char* const fault = fault_of(series)) return reader.fail(fault);
  out.push_back(std::move(series));
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

bool is_valid(const Series& series) { return fault_of(series) == nullptr; }

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
