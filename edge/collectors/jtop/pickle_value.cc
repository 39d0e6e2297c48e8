// Access to decoded values, and writing: the half of pickle.h that is not the opcode reader.
#include <array>
#include <bit>
#include <cmath>

#include "edge/collectors/jtop/pickle.h"
#include "transport/text.h"

namespace godwit {

PickleType PickleValue::type() const {
  return owner_ == nullptr ? PickleType::missing : owner_->nodes_[index_].type;
}

std::optional<bool> PickleValue::flag() const {
  if (!is(PickleType::flag)) return std::nullopt;
  return owner_->nodes_[index_].integer != 0;
}

std::optional<std::int64_t> PickleValue::integer() const {
  if (!is(PickleType::integer)) return std::nullopt;
  return owner_->nodes_[index_].integer;
}

std::optional<double> PickleValue::number() const {
  if (is(PickleType::integer)) return static_cast<double>(owner_->nodes_[index_].integer);
  if (!is(PickleType::real) || !std::isfinite(owner_->nodes_[index_].real)) return std::nullopt;
  return owner_->nodes_[index_].real;
}

std::string_view PickleValue::text() const {
  if (!is(PickleType::text) && !is(PickleType::bytes)) return {};
  return owner_->nodes_[index_].text;
}

std::string PickleValue::class_name() const {
  if (!is(PickleType::opaque)) return {};
  return concat(child(0).text(), ".", child(1).text());
}

std::size_t PickleValue::size() const {
  if (is(PickleType::dict)) return owner_->nodes_[index_].items.size() / 2;
  if (is(PickleType::list) || is(PickleType::tuple)) return owner_->nodes_[index_].items.size();
  return 0;
}

PickleValue PickleValue::child(std::size_t index) const {
  return {owner_, owner_->nodes_[index_].items[index]};
}

PickleValue PickleValue::at(std::size_t index) const {
  return is(PickleType::dict) || index >= size() ? PickleValue() : child(index);
}

PickleValue PickleValue::key(std::size_t index) const {
  return !is(PickleType::dict) || index >= size() ? PickleValue() : child(2 * index);
}

PickleValue PickleValue::value(std::size_t index) const {
  return !is(PickleType::dict) || index >= size() ? PickleValue() : child(2 * index + 1);
}

// The last one of equal keys, as in Python.
PickleValue PickleValue::operator[](std::string_view wanted) const {
  for (std::size_t i = is(PickleType::dict) ? size() : 0; i-- > 0;) {
    const PickleValue candidate = child(2 * i);
    if (candidate.is(PickleType::text) && candidate.text() == wanted) return child(2 * i + 1);
  }
  return {};
}

PickleValue PickleValue::operator[](std::int64_t wanted) const {
  for (std::size_t i = is(PickleType::dict) ? size() : 0; i-- > 0;) {
    if (child(2 * i).integer() == wanted) return child(2 * i + 1);
  }
  return {};
}

namespace {

std::string little_endian(std::uint64_t value, std::size_t width) {
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}

std::string readable(std::string_view text) {
  return is_utf8(text) ? std::string(text) : quote_for_message(text, text.size());
}

std::string key_text(PickleValue key) {
  if (const auto number = key.integer()) return std::to_string(*number);
  if (const auto number = key.number()) return format_number(*number);
  return key.is(PickleType::text) ? readable(key.text()) : "<key>";
}

}  // namespace

void write_json(PickleValue value, JsonWriter& out) {
  switch (value.type()) {
    case PickleType::missing:
    case PickleType::none:
      out.null();
      return;
    case PickleType::flag:
      out.value(*value.flag());
      return;
    case PickleType::integer:
      out.value(*value.integer());
      return;
    case PickleType::real:
      out.value(value.number().value_or(std::nan("")));
      return;
    case PickleType::text:
      out.value(readable(value.text()));
      return;
    case PickleType::bytes:
      out.value(concat("<", value.text().size(), " bytes>"));
      return;
    case PickleType::opaque:
      out.value(concat("<", readable(value.class_name()), ">"));
      return;
    case PickleType::list:
    case PickleType::tuple:
      out.begin_array();
      for (std::size_t i = 0; i < value.size(); ++i) write_json(value.at(i), out);
      out.end_array();
      return;
    case PickleType::dict:
      out.begin_object();
      for (std::size_t i = 0; i < value.size(); ++i) {
        out.key(key_text(value.key(i)));
        write_json(value.value(i), out);
      }
      out.end_object();
      return;
  }
}

std::string pickle_none() { return "N"; }

std::string pickle_flag(bool flag) { return flag ? "\x88" : "\x89"; }

std::string pickle_integer(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  if (number == static_cast<std::int32_t>(number)) return "J" + little_endian(bits, 4);
  return "\x8a\x08" + little_endian(bits, 8);
}

std::string pickle_real(double number) {
  const auto bits = std::bit_cast<std::uint64_t>(number);
  std::string out = "G";
  for (unsigned shift = 64; shift > 0;) out += static_cast<char>(bits >> (shift -= 8) & 0xffU);
  return out;
}

std::string pickle_text(std::string_view text) {
  return concat("X", little_endian(text.size(), 4), text);
}

std::string pickle_tuple(std::initializer_list<std::string_view> items) {
  if (items.size() == 0) return ")";
  std::string out = "(";
  for (const std::string_view item : items) out += item;
  return out + "t";
}

std::string pickle_dict(std::initializer_list<std::string_view> keys_and_values) {
  if (keys_and_values.size() == 0) return "}";
  std::string out = "}(";
  for (const std::string_view item : keys_and_values) out += item;
  return out + "u";
}

std::string pickle_document(std::string_view piece) { return concat("\x80\x02", piece, "."); }

Result<std::string> pickle_copy(PickleValue value) {
  const PickleType type = value.type();
  switch (type) {
    case PickleType::none:
      return pickle_none();
    case PickleType::flag:
      return pickle_flag(*value.flag());
    case PickleType::integer:
      return pickle_integer(*value.integer());
    case PickleType::real:
      return pickle_real(value.number().value_or(std::nan("")));
    case PickleType::text:
      return pickle_text(value.text());
    case PickleType::list:
    case PickleType::tuple:
    case PickleType::dict:
      break;
    default:
      return Error{ErrorCode::invalid, "pickle: a value that cannot be written again"};
  }
  const bool is_dict = type == PickleType::dict;
  if (value.size() == 0) return std::string(is_dict ? "}" : type == PickleType::list ? "]" : ")");
  std::string out = is_dict ? "}(" : type == PickleType::list ? "](" : "(";
  for (std::size_t i = 0; i < value.size(); ++i) {
    for (const PickleValue item :
         {is_dict ? value.key(i) : PickleValue(), is_dict ? value.value(i) : value.at(i)}) {
      if (!item) continue;
      auto piece = pickle_copy(item);
      if (!piece) return piece.error();
      out += *piece;
    }
  }
  return out + (is_dict ? "u" : type == PickleType::list ? "e" : "t");
}

}  // namespace godwit
