// Text for terminals: colour only where it is wanted, columns counted as a terminal does, and no
// byte from elsewhere that a terminal would obey. No locale is consulted: terminals are UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "transport/settings.h"

namespace godwit {

enum class ColorChoice : std::uint8_t { automatic, always, never };

// automatic: on a terminal that is not dumb, unless NO_COLOR is set (no-color.org).
bool wants_color(ColorChoice choice, bool is_terminal, const Environment& environment);

enum class Color : std::uint8_t { none, dim, bold, red, green, yellow, blue, cyan, inverse };
// SGR around `text`, which must be printable; as it is for `none` and without colour.
std::string paint(std::string_view text, Color color, bool on);

// Each control character (C0, DEL, C1), each that changes the direction of text, and each byte that
// is not UTF-8 becomes U+FFFD.
std::string printable(std::string_view text);

// Columns that printable text takes: 0 for combining characters, 2 for wide ones.
std::size_t columns_of(std::string_view text);

enum class Align : std::uint8_t { left, right };
// Exactly `width` columns: filled with blanks, or cut at a character and ended with "…".
std::string fit(std::string_view text, std::size_t width, Align align = Align::left);

}  // namespace godwit
