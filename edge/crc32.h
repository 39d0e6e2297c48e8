// CRC-32 as in zlib: of the tick journal's records and of the rows of the buffer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace godwit {

inline constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320U ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}();

// Goes on from `crc`, which is 0 at the start.
inline std::uint32_t crc32(std::uint32_t crc, const void* data, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (std::size_t i = 0; i < size; ++i) crc = crc_table[(crc ^ at[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace godwit
