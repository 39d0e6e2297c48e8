#include "transport/compress.h"

#include <catch2/catch.hpp>

using namespace godwit;

namespace {

// "abc" 13 times, as the zstd tool writes it, with and without the content's size.
constexpr std::string_view sized(
    "\x28\xb5\x2f\xfd\x20\x27\x4d\x00\x00\x18\x61\x62\x63\x01\x00\x25"
    "\xdd\x10",
    18);
constexpr std::string_view unsized(
    "\x28\xb5\x2f\xfd\x00\x58\x4d\x00\x00\x18\x61\x62\x63\x01\x00"
    "\x25\xdd\x10",
    18);

std::string refusal(std::string_view message, std::size_t max_bytes = 1000) {
  std::string scratch;
  const auto plain = decompress(message, scratch, max_bytes);
  CHECK(scratch.capacity() <= max_bytes);
  return plain ? "" : plain.error().message;
}

}  // namespace

TEST_CASE("what compression makes smaller comes back from the compressed form") {
  std::string scratch;
  const std::string plain = "\x81" + std::string(5000, 'x');
  const std::string packed = compress_if_smaller(plain);
  CHECK(packed.size() < 100);
  CHECK(packed.front() == '\x28');
  CHECK(*decompress(packed, scratch, 5001) == plain);
  CHECK(*decompress(sized, scratch, 39) == "abcabcabcabcabcabcabcabcabcabcabcabcabc");
}

TEST_CASE("what compression does not make smaller stays as it is") {
  for (const std::string plain : {"", "\x80", "\x81\xa1x\x01"}) {
    CHECK(compress_if_smaller(plain) == plain);
    std::string scratch;
    CHECK(*decompress(plain, scratch, 100) == plain);
  }
}

TEST_CASE("messages that unpack to too much, or do not say to how much, are refused unseen") {
  CHECK_THAT(refusal(compress_if_smaller(std::string(10'000'000, '\x80'))),
             Catch::Contains("unpacks to 10000000 bytes"));
  CHECK_THAT(refusal(unsized), Catch::Contains("says its size"));
  CHECK_THAT(refusal(std::string(1001, '\x80')), Catch::Contains("larger than 1000"));
}

TEST_CASE("damaged, cut and doubled zstd frames are refused") {
  CHECK_THAT(refusal(std::string(sized) + std::string(sized)), Catch::Contains("exactly one"));
  CHECK_FALSE(refusal(std::string(sized) + "x").empty());
  for (std::size_t size = 1; size < sized.size(); ++size) {
    CHECK_FALSE(refusal(sized.substr(0, size)).empty());
  }
  std::string wrong_size(sized);
  wrong_size[5] = '\x28';
  CHECK_FALSE(refusal(wrong_size).empty());
}
