#include "transport/ack.h"

#include <random>

#include <catch2/catch.hpp>

using namespace godwit;

namespace {

Ack full_ack() {
  return {.stream = 0xfeed'beef'0000'0001,
          .seq = 123'456'789'012,
          .verdict = Verdict::need_schema,
          .reason = "schema_unknown",
          .retry_after_ms = 4'000'000'000,
          .schema = 0xffff'ffff'ffff'fff0,
          .relay_time_ms = 1'795'000'000'123,
          .dropped_samples = 17,
          .out_of_order_ok = true,
          .out_of_order_window_ms = 600'000};
}

}  // namespace

TEST_CASE("acks come back as they were") {
  const Ack plain{.stream = 1, .seq = 0};
  for (const Ack& ack :
       {plain, full_ack(),
        Ack{.stream = 2, .seq = 9, .verdict = Verdict::rejected, .reason = "too_old"}}) {
    const auto decoded = decode_ack(encode_ack(ack));
    REQUIRE(decoded);
    CHECK(*decoded == ack);
  }
  CHECK(encode_ack(plain).size() <= 24);
}

TEST_CASE("an ack with fields that this version does not know is still read") {
  std::string bytes = encode_ack({.stream = 1, .seq = 5});
  bytes[0] = static_cast<char>(bytes[0] + 1);
  bytes += "\xa3new\x92\x01\x81\xa1x\xc0";
  const auto decoded = decode_ack(bytes);
  REQUIRE(decoded);
  CHECK(decoded->seq == 5);
}

TEST_CASE("an ack without a needed field, or with one twice, is refused") {
  const auto refuses = [](std::string_view bytes, const std::string& why) {
    const auto decoded = decode_ack(bytes);
    REQUIRE_FALSE(decoded);
    CHECK_THAT(decoded.error().message, Catch::Contains(why));
  };
  refuses("\x80", "'v' is missing");
  refuses("\x82\xa1q\x01\xa1q\x02", "comes twice");
  refuses("\x81\xa1v\x02", "out of range");
  refuses("\xc0", "not a map");
  refuses(std::string(max_ack_bytes + 1, 'x'), "larger than");
}

TEST_CASE("truncated and damaged acks end in a value or an error") {
  std::mt19937_64 random(4);
  const std::string bytes = encode_ack(full_ack());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CHECK_FALSE(decode_ack(std::string_view(bytes).substr(0, at)));
    for (int value = 0; value < 256; ++value) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(value);
      const auto decoded = decode_ack(damaged);
      if (decoded) CHECK(decode_ack(encode_ack(*decoded)));
    }
  }
}
