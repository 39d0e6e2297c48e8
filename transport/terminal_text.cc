#include "transport/terminal_text.h"

#include <algorithm>
#include <array>

namespace godwit {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

// The first character; no overlong forms, no surrogates.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) -> char32_t { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 && lead < 0xf5   ? 4
                            : lead >= 0xe0 && lead < 0xf0 ? 3
                            : lead >= 0xc2 && lead < 0xe0 ? 2
                                                          : 0;
  if (bytes == 0 || text.size() < bytes) return {};
  char32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  static constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_valid = code >= least[bytes] && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
  return is_valid ? Character{code, bytes} : Character{};
}

struct Range {
  char32_t first, last;
};
// Marks that stand on the character before them, and characters without any width (Unicode 15:
// Mn, Me, Cf of the scripts that names are written in).
constexpr Range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x06d6, 0x06dc}, {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948},   {0x094d, 0x094d},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x2060, 0x2064}, {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a},
    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};
// East Asian Wide and Fullwidth, and emoji.
constexpr Range double_width[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
    {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2753, 0x2757},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

template <std::size_t N>
bool is_in(const Range (&ranges)[N], char32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return range.first <= code && code <= range.last; });
}

std::size_t width_of(char32_t code) {
  if (code < 0x300) return 1;
  if (is_in(zero_width, code)) return 0;
  return is_in(double_width, code) ? 2 : 1;
}

bool is_obeyed(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
         (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

bool wants_color(ColorChoice choice, bool is_terminal, const Environment& environment) {
  if (choice != ColorChoice::automatic) return choice == ColorChoice::always;
  return is_terminal && environment("NO_COLOR").value_or("").empty() &&
         environment("TERM").value_or("") != "dumb";
}

std::string paint(std::string_view text, Color color, bool on) {
  static constexpr std::array<std::string_view, 9> codes = {"",   "2",  "1",  "31", "32",
                                                            "33", "34", "36", "7"};
  if (!on || color == Color::none) return std::string(text);
  std::string out = "\x1b[";
  out += codes[static_cast<std::size_t>(color)];
  out += 'm';
  out += text;
  out += "\x1b[0m";
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [code, bytes] = first_character(text);
    if (bytes == 0 || is_obeyed(code)) {
      out += replacement;
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto [code, bytes] = first_character(text);
    columns += bytes == 0 ? 1 : width_of(code);
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return columns;
}

std::string fit(std::string_view text, std::size_t width, Align align) {
  const std::size_t all = columns_of(text);
  if (all <= width) {
    const std::string blanks(width - all, ' ');
    return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
  }
  if (width == 0) return {};
  std::string out;
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto [code, bytes] = first_character(text);
    const std::size_t next = columns + (bytes == 0 ? 1 : width_of(code));
    if (next > width - 1) break;
    out += text.substr(0, std::max<std::size_t>(1, bytes));
    columns = next;
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return out + std::string(width - 1 - columns, ' ') + "…";
}

}  // namespace godwit
