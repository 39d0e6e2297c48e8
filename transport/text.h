// Small text tools shared by parsers and messages. No locale is ever consulted.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

// Shortest decimal text that reads back as the same double; "NaN", "+Inf", "-Inf" as Prometheus
// writes them.
std::string format_number(double value);

// Whole text must be a number: "12x" is none.
std::optional<double> parse_double(std::string_view text);

template <std::integral T = std::int64_t>
std::optional<T> parse_int(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Without blanks, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);

// Fields between runs of blanks and tabs; no empty fields.
std::vector<std::string_view> split_blanks(std::string_view text);

// Every field between separators, empty ones too; a text without separator is one field.
std::vector<std::string_view> split(std::string_view text, char separator);

// Lines without their "\n" or "\r\n"; a last line without "\n" counts, an empty one after it not.
std::vector<std::string_view> split_lines(std::string_view text);

// Printable form of foreign text for a message: control and non-ASCII bytes as \xNN, cut with
// "..." after max bytes.
std::string quote_for_message(std::string_view text, std::size_t max = 120);

// True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

std::string to_lower(std::string_view text);
std::string to_hex(std::string_view bytes);

// One pass concatenation of texts and integers.
inline void append_piece(std::string& out, std::string_view piece) { out += piece; }
inline void append_piece(std::string& out, double piece) { out += format_number(piece); }
template <std::integral T>
void append_piece(std::string& out, T piece) {
  out += std::to_string(piece);
}
template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

}  // namespace godwit
