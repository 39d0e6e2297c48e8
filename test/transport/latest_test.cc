#include "transport/latest.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("present readings come back as series text and value") {
  const std::vector<Sample> samples = {{{"node_load1", {}, Kind::gauge}, 0.25},
                                       {{"up", {{"job", "a\"b"}}, Kind::gauge}, -1}};
  const auto latest = decode_latest(encode_latest(1'795'000'000'123, samples));
  REQUIRE(latest);
  CHECK(latest->wall_ms == 1'795'000'000'123);
  REQUIRE(latest->values.size() == 2);
  CHECK(latest->values[0] == std::pair<std::string, double>("node_load1", 0.25));
  CHECK(latest->values[1] == std::pair<std::string, double>("up{job=\"a\\\"b\"}", -1));
}

TEST_CASE("a node's status comes back as it was") {
  const NodeStatus status{.online = true,
                          .boot_id = "0a1b2c3d-0000-4000-8000-0123456789ab",
                          .session = 0xffff'0000'1111'2222,
                          .wall_ms = 1'795'000'000'000,
                          .version = "0.1.0",
                          .backlog_ticks = 3600,
                          .clock = "relay",
                          .link = GENERATE("", "held"),
                          .since_ms = 1'794'999'000'000,
                          .collectors = {{"npu_smi", true, "npu-smi is not there"},
                                         {"jtop", false, "no answer for 5000 ms"}}};
  const auto decoded = decode_status(encode_status(status));
  REQUIRE(decoded);
  CHECK(*decoded == status);
}

TEST_CASE("the relay's state comes back as it was") {
  for (const std::int64_t window_ms : {0, 600'000}) {
    const RelayState state{.relay = "relay-0",
                           .wall_ms = 12,
                           .version = "0.1.0",
                           .out_of_order_ok = true,
                           .out_of_order_window_ms = window_ms,
                           .nodes = window_ms == 0 ? 0U : 10'000U};
    const auto decoded = decode_relay_state(encode_relay_state(state));
    REQUIRE(decoded);
    CHECK(*decoded == state);
  }
}

TEST_CASE("truncated and damaged small messages end in a value or an error") {
  const std::vector<Sample> samples = {{{"up", {}, Kind::gauge}, 1}};
  for (const std::string& bytes :
       {encode_latest(1, samples), encode_status({.boot_id = "b", .version = "v"}),
        encode_relay_state({.relay = "r", .version = "v"})}) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const auto cut = std::string_view(bytes).substr(0, at);
      CHECK_FALSE(decode_latest(cut));
      CHECK_FALSE(decode_status(cut));
      CHECK_FALSE(decode_relay_state(cut));
      for (int value = 0; value < 256; ++value) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(value);
        const auto status = decode_status(damaged);
        if (status) CHECK(decode_status(encode_status(*status)));
        const auto state = decode_relay_state(damaged);
        if (state) CHECK(decode_relay_state(encode_relay_state(*state)));
        const auto latest = decode_latest(damaged);
        if (latest) CHECK(latest->values.size() <= 1);
      }
    }
  }
}
