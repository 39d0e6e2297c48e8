#include "transport/msgpack.h"

#include <bit>

#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

namespace godwit {
namespace {

struct StringSink {
  std::string& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};

struct MsgpackPacker {
  explicit MsgpackPacker(std::string& out) : sink{out}, packer(sink) {}
  StringSink sink;
  msgpack::packer<StringSink> packer;
};

void append_big_endian(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t narrow(std::size_t size) { return static_cast<std::uint32_t>(size); }

}  // namespace

void Packer::map(std::size_t pairs) { MsgpackPacker(out_).packer.pack_map(narrow(pairs)); }

void Packer::array(std::size_t elements) {
  MsgpackPacker(out_).packer.pack_array(narrow(elements));
}

void Packer::text(std::string_view value) {
  MsgpackPacker p(out_);
  p.packer.pack_str(narrow(value.size()));
  p.packer.pack_str_body(value.data(), narrow(value.size()));
}

void Packer::bytes(std::string_view value) {
  MsgpackPacker p(out_);
  p.packer.pack_bin(narrow(value.size()));
  p.packer.pack_bin_body(value.data(), narrow(value.size()));
}

void Packer::integer(std::int64_t value) { MsgpackPacker(out_).packer.pack_int64(value); }

void Packer::unsigned_integer(std::uint64_t value) {
  MsgpackPacker(out_).packer.pack_uint64(value);
}

// By hand: pack_double of msgpack-c 4 turns 1.0 into an integer, and -0.0 with it.
void Packer::number(double value) {
  out_ += '\xcb';
  append_big_endian(out_, std::bit_cast<std::uint64_t>(value));
}

void Packer::boolean(bool value) {
  MsgpackPacker p(out_);
  value ? p.packer.pack_true() : p.packer.pack_false();
}

void Packer::integers(const std::int64_t* values, std::size_t count) {
  MsgpackPacker p(out_);
  for (std::size_t i = 0; i < count; ++i) p.packer.pack_int64(values[i]);
}

void Packer::id(std::uint64_t value) {
  std::string big_endian;
  append_big_endian(big_endian, value);
  bytes(big_endian);
}

}  // namespace godwit
