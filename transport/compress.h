// zstd, confined to compress.cc. A message is compressed as a whole when that makes it smaller; the
// first byte tells: 0x28 begins a zstd frame, a MessagePack map begins with 0x80-0x8f, 0xde or
// 0xdf. Contexts are kept per thread; one for encoding takes about 150 kB.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

// The compressed form if it is smaller, else `plain` itself.
std::string compress_if_smaller(std::string plain);

// A view of `message` itself when it is not compressed, else of `scratch`, which is overwritten.
// Refuses a message that does not say its size, or says more than `max_bytes`, before it allocates;
// and one that is not exactly one zstd frame of that size.
Result<std::string_view> decompress(std::string_view message, std::string& scratch,
                                    std::size_t max_bytes);

}  // namespace godwit
