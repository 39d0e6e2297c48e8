// The parts of MessagePack (msgpack.org, spec of 2013 with str, bin and float 64) that our messages
// use. Packer writes through msgpack-c, which is confined to msgpack.cc. Reader is a pull reader of
// our own (msgpack_reader.cc): it allocates nothing, checks each count against what is left of the
// input, and is what makes decoding of untrusted bytes bounded and fast.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

// Appends to a string that must outlive it.
class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  void map(std::size_t pairs);
  void array(std::size_t elements);
  void text(std::string_view value);
  void bytes(std::string_view value);
  void integer(std::int64_t value);
  void unsigned_integer(std::uint64_t value);
  void number(double value);  // always float 64
  void boolean(bool value);
  // `count` integers, one after the other, without an array header.
  void integers(const std::int64_t* values, std::size_t count);
  // 8 bytes of bin, most significant first: how ids travel, since many languages' numbers lose
  // bits of a 64-bit integer.
  void id(std::uint64_t value);

 private:
  std::string& out_;
};

// Bytes that Packer::integer writes.
inline std::size_t packed_size(std::int64_t value) {
  if (value >= -32 && value <= 127) return 1;
  if (value >= 0) return value <= 0xff ? 2 : value <= 0xffff ? 3 : value <= 0xffff'ffff ? 5 : 9;
  return value >= -0x80 ? 2 : value >= -0x8000 ? 3 : value >= -0x8000'0000LL ? 5 : 9;
}

// Reads one value after the other. The first fault is kept, makes every later read return zero or
// empty, and is what status() returns; so a caller tests ok() in loops and status() at the end.
// Views point into the input.
class Reader {
 public:
  enum class Type : unsigned char { nil, boolean, integer, number, text, bytes, array, map, other };

  explicit Reader(std::string_view input)
      : at_(reinterpret_cast<const unsigned char*>(input.data())),
        end_(at_ + input.size()),
        begin_(at_) {}

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  // Also a fault: bytes behind the last value.
  Status finish();
  // An Error with the place of the fault.
  [[nodiscard]] Status status() const;
  void fail(const char* what);  // a text that lives for ever

  [[nodiscard]] Type peek() const;
  // Counts: at most `max`, and at most what the rest of the input can hold.
  std::size_t map(std::size_t max);
  std::size_t array(std::size_t max);
  std::string_view text(std::size_t max);
  std::string_view bytes(std::size_t max);
  std::int64_t integer(std::int64_t min = INT64_MIN, std::int64_t max = INT64_MAX);
  std::uint64_t unsigned_integer();
  double number();  // float 64, or an integer that a double holds exactly
  double float64();
  bool boolean();
  std::uint64_t id();
  void integers(std::int64_t* out, std::size_t count);
  // Any value, with at most `depth` levels inside.
  void skip(int depth = 8);

 private:
  std::uint64_t big_endian(std::size_t size);
  bool need(std::size_t size);
  std::size_t length(unsigned char fix, unsigned char fix_mask, unsigned char head8,
                     unsigned char head16, std::size_t max, std::size_t bytes_each,
                     const char* expected);
  std::string_view take(std::size_t size);

  const unsigned char* at_;
  const unsigned char* end_;
  const unsigned char* begin_;
  const unsigned char* fault_ = nullptr;
  const char* error_ = nullptr;
};

// Reads a message that is one map of named fields, in any order, unknown ones allowed (to be
// skipped by the caller): how small messages stay open for later additions.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message);

  // Moves to the next field; false at the end and after a fault. The caller then reads or skips
  // the field's value from reader().
  bool next();
  [[nodiscard]] bool is(std::string_view name) const { return name_ == name; }
  Reader& reader() { return reader_; }
  // After next() said false: a fault, or which of the `required` fields was not there.
  Status finish(std::initializer_list<std::string_view> required);

 private:
  static constexpr std::size_t max_fields = 32;
  Reader reader_;
  std::size_t left_ = 0;
  std::string_view name_;
  std::array<std::string_view, max_fields> seen_;
  std::size_t seen_count_ = 0;
};

}  // namespace godwit
