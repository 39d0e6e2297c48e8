#include "test/support/remote_write_decoder.h"

#include <cstring>
#include <stdexcept>

#include <snappy.h>

namespace godwit::test {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return bytes_.empty(); }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("varint too long");
  }
  std::uint64_t fixed64() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(8).data(), 8);
    return value;
  }
  std::string_view chunk() { return take(varint()); }
  void expect(std::uint64_t tag) {
    if (const auto got = varint(); got != tag) {
      throw std::runtime_error("tag " + std::to_string(got) + ", want " + std::to_string(tag));
    }
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) throw std::runtime_error("cut short");
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view bytes_;
};

std::pair<std::string, std::string> read_label(std::string_view bytes) {
  Reader reader(bytes);
  reader.expect(0x0a);
  const auto name = reader.chunk();
  reader.expect(0x12);
  const auto value = reader.chunk();
  if (!reader.done()) throw std::runtime_error("more behind a label");
  return {std::string(name), std::string(value)};
}

std::pair<std::int64_t, std::uint64_t> read_sample(std::string_view bytes) {
  Reader reader(bytes);
  reader.expect(0x09);
  const auto bits = reader.fixed64();
  reader.expect(0x10);
  const auto time = static_cast<std::int64_t>(reader.varint());
  if (!reader.done()) throw std::runtime_error("more behind a sample");
  return {time, bits};
}

DecodedSeries read_series(std::string_view bytes) {
  DecodedSeries series;
  Reader reader(bytes);
  while (!reader.done()) {
    const auto tag = reader.varint();
    if (tag == 0x0a && series.samples.empty()) {
      series.labels.push_back(read_label(reader.chunk()));
    } else if (tag == 0x12) {
      series.samples.push_back(read_sample(reader.chunk()));
    } else {
      throw std::runtime_error("unexpected tag " + std::to_string(tag) + " in a series");
    }
  }
  return series;
}

}  // namespace

std::string DecodedSeries::label(std::string_view name) const {
  for (const auto& [label_name, value] : labels) {
    if (label_name == name) return value;
  }
  return "";
}

std::string DecodedSeries::key() const {
  std::string text;
  for (const auto& [name, value] : labels) text.append(name).append("=").append(value).append(";");
  return text;
}

std::vector<DecodedSeries> decode_write_request(std::string_view protobuf) {
  std::vector<DecodedSeries> all;
  Reader reader(protobuf);
  while (!reader.done()) {
    reader.expect(0x0a);
    all.push_back(read_series(reader.chunk()));
  }
  return all;
}

std::vector<DecodedSeries> decode_compressed(std::string_view block) {
  std::string protobuf;
  if (!snappy::Uncompress(block.data(), block.size(), &protobuf)) {
    throw std::runtime_error("no snappy block");
  }
  return decode_write_request(protobuf);
}

}  // namespace godwit::test
