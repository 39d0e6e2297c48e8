// Reader and FieldReader; Packer is in msgpack.cc.
#include <algorithm>
#include <bit>

#include "transport/msgpack.h"
#include "transport/text.h"

namespace godwit {
namespace {

// 0x00-0x7f: 0 to 127; 0xe0-0xff: -32 to -1.
std::int64_t one_byte_integer(unsigned char c) { return c < 0x80 ? c : std::int64_t{c} - 256; }

}  // namespace

void Reader::fail(const char* what) {
  if (error_ != nullptr) return;
  error_ = what;
  fault_ = at_;
  at_ = end_;
}

Status Reader::status() const {
  if (ok()) return {};
  return Error{ErrorCode::invalid, concat("at byte ", fault_ - begin_, ": ", error_)};
}

Status Reader::finish() {
  if (ok() && at_ != end_) fail("bytes behind the end of the message");
  return status();
}

bool Reader::need(std::size_t size) {
  if (static_cast<std::size_t>(end_ - at_) >= size) return true;
  fail("ends in the middle of a value");
  return false;
}

std::uint64_t Reader::big_endian(std::size_t size) {
  if (!need(size)) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | *at_++;
  return value;
}

Reader::Type Reader::peek() const {
  if (at_ == end_) return Type::other;
  const unsigned char c = *at_;
  if (c < 0x80 || c >= 0xe0 || (c >= 0xcc && c <= 0xd3)) return Type::integer;
  if (c < 0x90 || c == 0xde || c == 0xdf) return Type::map;
  if (c < 0xa0 || c == 0xdc || c == 0xdd) return Type::array;
  if (c < 0xc0 || (c >= 0xd9 && c <= 0xdb)) return Type::text;
  if (c >= 0xc4 && c <= 0xc6) return Type::bytes;
  if (c == 0xc0) return Type::nil;
  if (c == 0xc2 || c == 0xc3) return Type::boolean;
  if (c == 0xca || c == 0xcb) return Type::number;
  return Type::other;
}

// A length in the first byte (fix), or in 1 (head8, 0 when there is none), 2 or 4 bytes behind it.
std::size_t Reader::length(unsigned char fix, unsigned char fix_mask, unsigned char head8,
                           unsigned char head16, std::size_t max, std::size_t bytes_each,
                           const char* expected) {
  if (!need(1)) return 0;
  const unsigned char c = *at_;
  std::size_t value = 0;
  if (fix != 0 && (c & static_cast<unsigned char>(~fix_mask)) == fix) {
    ++at_;
    value = c & fix_mask;
  } else if (head8 != 0 && c == head8) {
    ++at_;
    value = big_endian(1);
  } else if (c == head16 || c == head16 + 1) {
    ++at_;
    value = big_endian(c == head16 ? 2 : 4);
  } else {
    fail(expected);
  }
  if (!ok()) return 0;
  if (value > max) {
    fail("longer than allowed");
  } else if (value > static_cast<std::size_t>(end_ - at_) / bytes_each) {
    fail("announces more than the message holds");
  }
  return ok() ? value : 0;
}

std::size_t Reader::map(std::size_t max) {
  return length(0x80, 0x0f, 0, 0xde, max, 2, "not a map where one belongs");
}

std::size_t Reader::array(std::size_t max) {
  return length(0x90, 0x0f, 0, 0xdc, max, 1, "not an array where one belongs");
}

std::string_view Reader::take(std::size_t size) {
  if (!ok()) return {};
  const std::string_view view(reinterpret_cast<const char*>(at_), size);
  at_ += size;
  return view;
}

std::string_view Reader::text(std::size_t max) {
  return take(length(0xa0, 0x1f, 0xd9, 0xda, max, 1, "not a text where one belongs"));
}

std::string_view Reader::bytes(std::size_t max) {
  return take(length(0, 0, 0xc4, 0xc5, max, 1, "not a bin where one belongs"));
}

std::int64_t Reader::integer(std::int64_t min, std::int64_t max) {
  if (!need(1)) return 0;
  const unsigned char c = *at_;
  std::int64_t value = 0;
  if (c < 0x80 || c >= 0xe0) {
    ++at_;
    value = one_byte_integer(c);
  } else if (c >= 0xcc && c <= 0xd3) {
    ++at_;
    const std::size_t size = std::size_t{1} << (c & 3U);
    const std::uint64_t raw = big_endian(size);
    if (c == 0xcf && raw > INT64_MAX) {
      fail("integer out of range");
    } else if (c >= 0xd0) {  // sign of `size` bytes
      const unsigned shift = 64 - 8 * static_cast<unsigned>(size);
      value = static_cast<std::int64_t>(raw << shift) >> shift;
    } else {
      value = static_cast<std::int64_t>(raw);
    }
  } else {
    fail("not an integer where one belongs");
  }
  if (ok() && (value < min || value > max)) fail("integer out of range");
  return ok() ? value : 0;
}

void Reader::integers(std::int64_t* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (at_ != end_ && (*at_ < 0x80 || *at_ >= 0xe0)) {
      out[i] = one_byte_integer(*at_++);
    } else {
      out[i] = integer();
    }
  }
}

std::uint64_t Reader::unsigned_integer() {
  if (at_ == end_ || *at_ != 0xcf) return static_cast<std::uint64_t>(integer(0));
  ++at_;
  return big_endian(8);
}

double Reader::float64() {
  if (!need(1)) return 0;
  if (*at_ != 0xcb) {
    fail("not a float 64 where one belongs");
    return 0;
  }
  ++at_;
  return std::bit_cast<double>(big_endian(8));
}

double Reader::number() {
  if (peek() != Type::integer) return float64();
  const std::int64_t exact = std::int64_t{1} << 53;
  return static_cast<double>(integer(-exact, exact));
}

bool Reader::boolean() {
  if (!need(1)) return false;
  const unsigned char c = *at_;
  if (c != 0xc2 && c != 0xc3) {
    fail("not a boolean where one belongs");
    return false;
  }
  ++at_;
  return c == 0xc3;
}

std::uint64_t Reader::id() {
  if (bytes(8).size() != 8) {
    fail("an id is not 8 bytes");
    return 0;
  }
  at_ -= 8;
  return big_endian(8);
}

void Reader::skip(int depth) {
  if (!need(1)) return;
  if (depth < 0) return fail("nested too deep");
  std::size_t inside = 0;
  switch (peek()) {
    case Type::nil:
      ++at_;
      break;
    case Type::boolean:
      boolean();
      break;
    case Type::integer:
      *at_ == 0xcf ? void(unsigned_integer()) : void(integer());
      break;
    case Type::number:
      if (need(*at_ == 0xca ? 5 : 9)) at_ += *at_ == 0xca ? 5 : 9;
      break;
    case Type::text:
      text(SIZE_MAX);
      break;
    case Type::bytes:
      bytes(SIZE_MAX);
      break;
    case Type::array:
      inside = array(SIZE_MAX);
      break;
    case Type::map:
      inside = 2 * map(SIZE_MAX);
      break;
    case Type::other:
      fail("a kind of value that our messages do not have");
      break;
  }
  for (std::size_t i = 0; i < inside && ok(); ++i) skip(depth - 1);
}

FieldReader::FieldReader(std::string_view message)
    : reader_(message), left_(reader_.map(max_fields)) {}

bool FieldReader::next() {
  if (left_ == 0 || !reader_.ok()) return false;
  --left_;
  name_ = reader_.text(64);
  if (std::find(seen_.begin(), seen_.begin() + seen_count_, name_) != seen_.begin() + seen_count_) {
    reader_.fail("a field comes twice");
  }
  seen_[seen_count_++] = name_;
  return reader_.ok();
}

Status FieldReader::finish(std::initializer_list<std::string_view> required) {
  Status status = reader_.finish();
  if (!status) return status;
  for (const std::string_view name : required) {
    if (std::find(seen_.begin(), seen_.begin() + seen_count_, name) ==
        seen_.begin() + seen_count_) {
      return Error{ErrorCode::invalid, concat("field '", name, "' is missing")};
    }
  }
  return status;
}

}  // namespace godwit
