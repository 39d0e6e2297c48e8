#include "transport/msgpack.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("integers use the smallest form and come back") {
  const auto value = GENERATE(as<std::int64_t>(), 0, 127, 128, 255, 256, 65535, 65536, 4294967295,
                              4294967296, INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769,
                              -2147483648LL, -2147483649LL, INT64_MIN);
  std::string bytes;
  Packer(bytes).integer(value);
  CHECK(bytes.size() == packed_size(value));
  Reader reader(bytes);
  CHECK(reader.integer() == value);
  CHECK(reader.finish());
  std::int64_t again = 1;
  Reader fast(bytes);
  fast.integers(&again, 1);
  CHECK(again == value);
}

TEST_CASE("values of each type come back") {
  std::string bytes;
  Packer packer(bytes);
  packer.map(1);
  packer.text("key");
  packer.array(6);
  packer.bytes(std::string(300, 'b'));
  packer.unsigned_integer(UINT64_MAX);
  packer.number(-0.5);
  packer.boolean(true);
  packer.id(0x0102'0304'0506'0708);
  packer.text(std::string(70'000, 't'));
  Reader reader(bytes);
  REQUIRE(reader.map(1) == 1);
  CHECK(reader.text(3) == "key");
  REQUIRE(reader.array(6) == 6);
  CHECK(reader.bytes(300).size() == 300);
  CHECK(reader.unsigned_integer() == UINT64_MAX);
  CHECK(reader.number() == -0.5);
  CHECK(reader.boolean());
  CHECK(reader.id() == 0x0102'0304'0506'0708U);
  CHECK(reader.text(70'000).size() == 70'000);
  CHECK(reader.finish());
  Reader skipper(bytes);
  skipper.skip();
  CHECK(skipper.finish());
}

TEST_CASE(
    "the reader refuses what is too long, too deep, announced but missing, or of another kind") {
  const auto refuses = [](std::string_view bytes, auto&& read, const std::string& why) {
    Reader reader(bytes);
    read(reader);
    REQUIRE_FALSE(reader.ok());
    CHECK_THAT(reader.status().error().message, Catch::Contains(why));
  };
  const auto array = [](Reader& r) { CHECK(r.array(1000) == 0); };
  refuses(std::string_view("\xdd\xff\xff\xff\xff", 5), array, "longer than allowed");
  refuses(std::string_view("\xdc\x03\xe8\x01", 4), array, "announces more");
  refuses("\xdc", array, "ends in the middle");
  refuses("\x80", array, "not an array");
  refuses(
      std::string_view("\xdb\x00\x00\x00\x05xxxx", 9), [](Reader& r) { r.text(10); },
      "announces more");
  refuses(
      "\x05", [](Reader& r) { r.integer(6, 9); }, "out of range");
  refuses(
      "\xc1", [](Reader& r) { r.skip(); }, "a kind of value");
  refuses(
      std::string(20, '\x91') + '\x01', [](Reader& r) { r.skip(8); }, "nested too deep");
}
