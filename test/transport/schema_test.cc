#include "transport/schema.h"

#include <random>

#include <catch2/catch.hpp>

using namespace godwit;

namespace {

std::vector<Series> some_series() {
  return {{"node_load1", {}, Kind::gauge},
          {"hw_temperature_celsius", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, Kind::gauge},
          {"node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, Kind::counter},
          {"node_uname_info", {{"nodename", "jetson-\xc3\xa9"}}, Kind::info}};
}

}  // namespace

TEST_CASE("a schema comes back as it was, with and without a parent") {
  const std::optional<SchemaId> parent =
      GENERATE(std::optional<SchemaId>(), std::optional<SchemaId>(0xfedc'ba98'7654'3210));
  const std::string bytes = encode_schema(parent, some_series());
  const auto part = decode_schema(bytes);
  REQUIRE(part);
  CHECK(part->parent == parent);
  CHECK(part->added == some_series());
  CHECK(part->id == schema_id_of(bytes));
  CHECK(encode_schema(parent, some_series()) == bytes);
}

TEST_CASE("schema ids are written as 16 lower-case hex digits") {
  CHECK(format_schema_id(0x0123'4567'89ab'cdef) == "0123456789abcdef");
  CHECK(parse_schema_id("0123456789abcdef") == 0x0123'4567'89ab'cdefU);
  CHECK(parse_schema_id("ffffffffffffffff") == UINT64_MAX);
  for (const auto* bad :
       {"", "0123", "0123456789ABCDEF", "0123456789abcdeg", "00123456789abcdef"}) {
    CHECK_FALSE(parse_schema_id(bad));
  }
}

TEST_CASE("a schema with a bad series is refused") {
  const auto refuses = [](Series series, const std::string& why) {
    const auto part = decode_schema(encode_schema({}, {std::move(series)}));
    REQUIRE_FALSE(part);
    CHECK_THAT(part.error().message, Catch::Contains(why));
  };
  refuses({"1up", {}, Kind::gauge}, "not a metric name");
  refuses({"", {}, Kind::gauge}, "not a metric name");
  refuses({"up", {{"a:b", "x"}}, Kind::gauge}, "not a label name");
  refuses({"up", {{"a", ""}}, Kind::gauge}, "empty");
  refuses({"up", {{"a", "\xff"}}, Kind::gauge}, "UTF-8");
  refuses({"up", {{"b", "x"}, {"a", "x"}}, Kind::gauge}, "not sorted");
  refuses({"up", {{"a", "x"}, {"a", "y"}}, Kind::gauge}, "not sorted");
  refuses({std::string(max_name_bytes + 1, 'a'), {}, Kind::gauge}, "longer than allowed");
  refuses({"up", {{"a", std::string(max_label_value_bytes + 1, 'x')}}, Kind::gauge}, "longer");
  refuses({"up", Labels(max_labels + 1, {"a", "x"}), Kind::gauge}, "longer than allowed");
  refuses({"up", {}, static_cast<Kind>(4)}, "out of range");
}

TEST_CASE("truncated and damaged schemas end in a value or an error") {
  std::mt19937_64 random(3);
  const std::string bytes = encode_schema(1, some_series());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CHECK_FALSE(decode_schema(std::string_view(bytes).substr(0, at)));
    for (int k = 0; k < 20; ++k) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(random());
      const auto part = decode_schema(damaged);
      if (part) CHECK(decode_schema(encode_schema(part->parent, part->added)));
    }
  }
}
