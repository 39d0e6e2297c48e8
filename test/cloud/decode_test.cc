#include "cloud/decode.h"

#include <limits>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "test/support/support.h"
#include "transport/ack.h"
#include "transport/latest.h"

namespace godwit {
namespace {

using nlohmann::json;

const std::vector<Series> series = {{"a_ratio", {{"core", "0"}}, Kind::gauge},
                                    {"b_total", {}, Kind::counter}};

json describe(const std::string& message, const std::vector<std::string>& schemas = {}) {
  const auto text = describe_message(message, schemas);
  REQUIRE(text.ok());
  return json::parse(*text);
}

Frame make_frame(SchemaId schema) {
  Frame frame;
  frame.stream = 1;
  frame.schema = schema;
  frame.seqs = {4, 5};
  frame.times_ms = {1'795'000'000'123, 1'795'000'001'123};
  frame.columns = {{0.5, absent}, {7, std::numeric_limits<double>::infinity()}};
  return frame;
}

TEST_CASE("a frame is shown by series when its schema is known") {
  const std::string parent = encode_schema(std::nullopt, {series[0]});
  const std::string child = encode_schema(schema_id_of(parent), {series[1]});
  const std::string frame = encode_frame(make_frame(schema_id_of(child)));
  const json shown = describe(frame, {parent, child, "garbage"});
  REQUIRE(shown["message"] == "frame");
  REQUIRE(shown["schema_known"] == true);
  REQUIRE(shown["samples"] == 3);
  REQUIRE(shown["ticks"][0]["time"] == "2026-11-18T11:06:40.123Z");
  REQUIRE(shown["ticks"][0]["values"] == json{{"a_ratio{core=\"0\"}", 0.5}, {"b_total", 7}});
  REQUIRE(shown["ticks"][1]["values"] == json{{"b_total", "+Inf"}});
}

TEST_CASE("a frame without its schema, or wider than it, is shown by column") {
  const std::string narrow = encode_schema(std::nullopt, {series[0]});
  const std::string frame = encode_frame(make_frame(schema_id_of(narrow)));
  for (const auto& schemas : {std::vector<std::string>{}, std::vector<std::string>{narrow}}) {
    const json shown = describe(frame, schemas);
    REQUIRE(shown["schema_known"] == false);
    REQUIRE(shown["ticks"][0]["values"] == json{{"0", 0.5}, {"1", 7}});
  }
}

TEST_CASE("every other message is told by its content") {
  const json schema = describe(encode_schema(std::nullopt, series));
  REQUIRE(schema["message"] == "schema");
  REQUIRE(schema["series"][1] == json{{"series", "b_total"}, {"kind", "counter"}});

  Ack ack;
  ack.stream = 0xabc;
  ack.seq = 9;
  ack.verdict = Verdict::retry_after;
  ack.retry_after_ms = 700;
  const json shown_ack = describe(encode_ack(ack));
  REQUIRE(shown_ack["message"] == "ack");
  REQUIRE(shown_ack["stream"] == "0000000000000abc");
  REQUIRE(shown_ack["verdict"] == "retry_after");
  REQUIRE(shown_ack["retry_after_ms"] == 700);

  const json status = describe(encode_status({true, "boot", 5, 0, "0.1.0", 12}));
  REQUIRE(status["message"] == "status");
  REQUIRE(status["backlog_ticks"] == 12);

  const json state = describe(encode_relay_state({"r", 1'795'000'000'123, "0.1.0", true}));
  REQUIRE(state["message"] == "relay_state");
  REQUIRE(state["time_ms"] == 1'795'000'000'123);

  const json latest = describe(encode_latest(1, {{series[0], 2.5}}));
  REQUIRE(latest["message"] == "latest");
  REQUIRE(latest["values"] == json{{"a_ratio{core=\"0\"}", 2.5}});
}

TEST_CASE("what is none of ours is an error") {
  for (const std::string bytes : {"", "x", "{}", "\x80", "\xff\xff"}) {
    REQUIRE_FALSE(describe_message(bytes, {}).ok());
  }
}

TEST_CASE("the command decodes files and names the one that it cannot") {
  const test::TempDir dir;
  const std::string schema = encode_schema(std::nullopt, series);
  test::write_file(dir.file("schema"), schema);
  test::write_file(dir.file("frame"), encode_frame(make_frame(schema_id_of(schema))));
  test::write_file(dir.file("garbage"), "garbage");
  const std::string program = std::string(GODWIT_BINARY_DIR) + "/bin/godwit";
  test::ChildProcess good({program, "decode", dir.file("frame"), "--schema", dir.file("schema")},
                          dir.file("out"));
  REQUIRE(good.wait() == 0);
  REQUIRE(json::parse(good.output())["schema_known"] == true);
  test::ChildProcess bad({program, "decode", dir.file("garbage")}, dir.file("out2"));
  REQUIRE(bad.wait() == 1);
  REQUIRE_THAT(bad.output(), Catch::Contains(dir.file("garbage")));
}

}  // namespace
}  // namespace godwit
