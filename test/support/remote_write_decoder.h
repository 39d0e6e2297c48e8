// Reads remote-write 1.0 bodies byte by byte, independent of the code that writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit::test {

struct DecodedSeries {
  std::vector<std::pair<std::string, std::string>> labels;       // in the order of the bytes
  std::vector<std::pair<std::int64_t, std::uint64_t>> samples;   // time, bits of the value
  [[nodiscard]] std::string label(std::string_view name) const;  // "" when absent
  [[nodiscard]] std::string key() const;                         // all labels, one text
};

// Throws std::runtime_error when the bytes are no WriteRequest.
std::vector<DecodedSeries> decode_write_request(std::string_view protobuf);
// The same behind one snappy block.
std::vector<DecodedSeries> decode_compressed(std::string_view block);

}  // namespace godwit::test
