#include "transport/frame.h"

#include <limits>

#include <catch2/catch.hpp>

#include "test/transport/frame_samples.h"
#include "transport/msgpack.h"

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

// A frame message put together by hand, with `rest` behind its times.
std::string by_hand(const std::vector<std::int64_t>& seqs, const std::vector<std::int64_t>& times,
                    const std::string& rest, std::size_t fields = 7) {
  std::string out;
  Packer packer(out);
  packer.map(fields);
  packer.text("v");
  packer.integer(1);
  packer.text("s");
  packer.id(1);
  packer.text("i");
  packer.id(2);
  for (const auto& [name, steps] : {std::pair("q", seqs), std::pair("t", times)}) {
    packer.text(name);
    packer.array(steps.size());
    packer.integers(steps.data(), steps.size());
  }
  return out + rest;
}

std::string codes_and_numbers(const std::string& codes, const std::vector<std::int64_t>& numbers) {
  std::string out;
  Packer packer(out);
  packer.text("c");
  packer.bytes(codes);
  packer.text("d");
  packer.array(numbers.size());
  packer.integers(numbers.data(), numbers.size());
  return out;
}

std::string refusal(const std::string& bytes) {
  Frame frame;
  const Status status = decode_frame(bytes, frame);
  CHECK(frame.columns.capacity() <= 100);
  return status ? "" : status.error().message;
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

TEST_CASE("a loss needs a reason that a label can hold, and there are few") {
  Frame frame = one_tick(1);
  Frame decoded;
  const std::vector<std::string> bad = {"", "two words", "Full", std::string(33, 'a')};
  for (const std::string& reason : bad) {
    frame.lost = {{reason, 1}};
    CHECK_FALSE(decode_frame(encode_frame(frame), decoded));
  }
  frame.lost.clear();
  for (int i = 0; i < 17; ++i) frame.lost["reason_" + std::to_string(i)] = 1;
  CHECK_FALSE(decode_frame(encode_frame(frame), decoded));
  frame.lost.erase("reason_0");
  CHECK(decode_frame(encode_frame(frame), decoded));
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

TEST_CASE("a frame that announces too much is refused before memory is taken") {
  using Catch::Contains;
  const std::string none = codes_and_numbers("", {});
  CHECK(refusal(by_hand({0, 1, 99'999}, {0, 0, 99'999}, none)).empty());
  CHECK_THAT(refusal(by_hand({0, 1, 100'000}, {0}, none)), Contains("out of range"));
  CHECK_THAT(refusal(by_hand({0, 1LL << 52, 99'999}, {0}, none)), Contains("out of range"));
  CHECK_THAT(refusal(by_hand({0, 1, 99'999}, {0, 0, 99'999},
                             codes_and_numbers(std::string(42, '\x10'), {1}))),
             Contains("more values than allowed"));
  CHECK_THAT(refusal(by_hand({0}, {0}, codes_and_numbers(std::string(50'001, '\x40'), {}))),
             Contains("longer than allowed"));
  CHECK_THAT(refusal(std::string(max_frame_bytes + 1, '\x80')), Contains("larger than"));
}

TEST_CASE("a frame that contradicts itself is refused") {
  using Catch::Contains;
  const auto columns = codes_and_numbers;
  const std::string none = columns("", {});
  CHECK_THAT(refusal(by_hand({0, 0, 1}, {0, 1, 1}, none)), Contains("out of range"));
  CHECK_THAT(refusal(by_hand({0, 1, 1}, {0, -1, 1}, none)), Contains("out of range"));
  CHECK_THAT(refusal(by_hand({-1}, {0}, none)), Contains("out of range"));
  CHECK_THAT(refusal(by_hand({0, 1}, {0}, none)), Contains("pairs"));
  CHECK_THAT(refusal(by_hand({0}, {0, 1, 1}, none)), Contains("another count of ticks"));
  CHECK_THAT(refusal(by_hand({0}, {0}, columns("\x01", {}))), Contains("fewer numbers"));
  CHECK_THAT(refusal(by_hand({0}, {0}, columns("\x01", {1, 2}))), Contains("more numbers"));
  CHECK_THAT(refusal(by_hand({0}, {0}, columns("\x50", {1}))), Contains("does not know"));
  CHECK_THAT(refusal(by_hand({0}, {0}, columns("\x30", {1}))), Contains("not a float 64"));
  CHECK_THAT(refusal(by_hand({0, 1, 1}, {0, 1, 1}, columns("\x01", {1LL << 53, 1}))),
             Contains("sum of integers"));
  CHECK_THAT(refusal(by_hand({0}, {0}, columns("\x01", {(1LL << 53) + 1}))),
             Contains("out of range"));
  CHECK_THAT(refusal(by_hand({0}, {0}, none, 6)), Contains("fields are missing"));
  CHECK_THAT(refusal(by_hand({0}, {0}, none, 8)), Contains("more fields"));
}

TEST_CASE("patterns that do not fit the ticks and columns are refused") {
  using Catch::Contains;
  const auto with_patterns = [](const std::string& pattern, const std::string& used) {
    return refusal(by_hand({0, 1, 1}, {0, 1, 1},
                           "\xa1m" + pattern + "\xa1p" + used + codes_and_numbers("\x01", {5}), 9));
  };
  CHECK(with_patterns("\x91\x91\x01", "\x91\x01").empty());
  CHECK_THAT(with_patterns("\x91\x91\x03", "\x91\x01"), Contains("out of range"));
  CHECK_THAT(with_patterns("\x91\x93\x01\x01\x01", "\x91\x01"), Contains("out of range"));
  CHECK_THAT(with_patterns("\x91\x90", "\x91\x01"), Contains("without ticks"));
  CHECK_THAT(with_patterns("\x91\x91\x01", "\x91\x02"), Contains("no such pattern"));
  CHECK_THAT(with_patterns("\x91\x91\x01", "\x92\x01\x01"), Contains("another count of columns"));
  const std::string empty_pattern("\x91\x92\x00\x02", 4);
  CHECK_THAT(with_patterns(empty_pattern, "\x91\x01"), Contains("not marked so"));
}
