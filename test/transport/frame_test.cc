#include "transport/frame.h"

#include <limits>

#include <catch2/catch.hpp>

#include "test/transport/frame_samples.h"

using namespace godwit;
using test::random_frame;
using test::same_bits;

namespace {

Frame one_tick(double value) {
  Frame frame;
  frame.seqs = {7};
  frame.times_ms = {1'795'000'000'000};
  frame.columns = {{value}};
  return frame;
}

}  // namespace

TEST_CASE("random frames come back bit for bit") {
  std::mt19937_64 random(42);
  Frame decoded;  // reused: what an earlier frame left must not show
  for (int round = 0; round < 3000; ++round) {
    const Frame frame = random_frame(random);
    const std::string bytes = encode_frame(frame);
    const Status status = decode_frame(bytes, decoded);
    INFO("round " << round << (status ? "" : ": " + status.error().message));
    REQUIRE(status);
    REQUIRE(same_bits(frame, decoded));
    REQUIRE(encode_frame(decoded) == bytes);
  }
}

TEST_CASE("a frame keeps notable doubles exactly") {
  const double value =
      GENERATE(0.0, -0.0, 0.1, 1e15, 9007199254740992.0, 9007199254740994.0, -1e300,
               std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::infinity(),
               std::bit_cast<double>(std::uint64_t{0x7ff0'0000'0000'0002}),
               std::bit_cast<double>(std::uint64_t{0xffff'ffff'ffff'ffff}));
  Frame decoded;
  REQUIRE(decode_frame(encode_frame(one_tick(value)), decoded));
  CHECK(same_bits(one_tick(value), decoded));
}

TEST_CASE("trailing columns without a value are left out, others stay in place") {
  Frame frame = one_tick(absent);
  frame.columns = {{absent}, {3}, {absent}, {absent}};
  Frame decoded;
  REQUIRE(decode_frame(encode_frame(frame), decoded));
  REQUIRE(decoded.columns.size() == 2);
  CHECK(is_absent(decoded.columns[0][0]));
  CHECK(decoded.columns[1][0] == 3);
  CHECK(decoded.samples() == 1);
}

TEST_CASE("an empty column set is a frame too") {
  Frame frame = one_tick(1);
  frame.columns.clear();
  Frame decoded = one_tick(2);
  REQUIRE(decode_frame(encode_frame(frame), decoded));
  CHECK(decoded.columns.empty());
}

TEST_CASE("every truncation of a frame is an error") {
  std::mt19937_64 random(1);
  Frame decoded;
  for (int round = 0; round < 40; ++round) {
    const std::string bytes = encode_frame(random_frame(random, 12, 8));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      REQUIRE_FALSE(decode_frame(std::string_view(bytes).substr(0, size), decoded));
    }
    REQUIRE_FALSE(decode_frame(bytes + '\0', decoded));
  }
}

TEST_CASE("a damaged byte gives an error or a frame that keeps its invariants") {
  std::mt19937_64 random(2);
  Frame decoded;
  for (int round = 0; round < 30; ++round) {
    const std::string bytes = encode_frame(random_frame(random, 12, 6));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(random());
      if (!decode_frame(damaged, decoded)) continue;
      const std::string again = encode_frame(decoded);  // asserts the invariants
      Frame third;
      REQUIRE(decode_frame(again, third));
      REQUIRE(same_bits(decoded, third));
    }
  }
}
