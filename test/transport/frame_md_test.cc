// FRAME.md's worked examples against the codecs, in both directions.
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "test/transport/frame_samples.h"
#include "transport/ack.h"
#include "transport/frame.h"
#include "transport/latest.h"
#include "transport/text.h"

using namespace godwit;

namespace {

// Blocks "```hex NAME" of lines "bytes in hex # comment".
std::map<std::string, std::string> read_examples() {
  std::map<std::string, std::string> examples;
  std::istringstream in(test::read_file(std::string(GODWIT_SOURCE_DIR) + "/transport/FRAME.md"));
  std::string* block = nullptr;
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view opening = "```hex ";
    if (line.starts_with(opening)) {
      block = &examples[line.substr(opening.size())];
    } else if (line == "```") {
      block = nullptr;
    } else if (block != nullptr) {
      for (const auto byte : split_blanks(std::string_view(line).substr(0, line.find('#')))) {
        *block += static_cast<char>(parse_int<int>(byte, 16).value());
      }
    }
  }
  return examples;
}

// The example's bytes; each example may be taken once, so that none stays unchecked.
std::string take(std::map<std::string, std::string>& examples, const std::string& name) {
  INFO("FRAME.md has no example " << name);
  REQUIRE(examples.contains(name));
  return examples.extract(name).mapped();
}

std::vector<Series> root_series() {
  return {{"node_load1", {}, Kind::gauge},
          {"hw_temperature_celsius", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, Kind::gauge},
          {"node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, Kind::counter}};
}

Frame thinned_frame(SchemaId schema) {
  Frame frame;
  frame.stream = 0x1f3a'77c2'90de'4b58;
  frame.schema = schema;
  frame.history = true;
  frame.keep_every = 4;
  frame.lost = {{"full", 10}, {"thinned", 300}};
  frame.seqs = {19, 23};
  frame.times_ms = {1'794'990'000'000, 1'794'990'004'000};
  frame.columns = {{0.52, 0.55}};
  return frame;
}

Frame live_frame(SchemaId schema) {
  Frame frame;
  frame.stream = 0x1f3a'77c2'90de'4b58;
  frame.schema = schema;
  frame.seqs = {7200, 7201, 7202, 7203};
  frame.times_ms = {1'795'000'000'000, 1'795'000'001'000, 1'795'000'002'000, 1'795'000'003'000};
  frame.columns = {{0.52, 0.5, 0.5, 0.61},
                   {45.5, 45.5, 45.5, 45.5},
                   {182345.12, 182346.1, 182347.08, 182348.07}};
  return frame;
}

Frame history_frame(SchemaId schema) {
  Frame frame = live_frame(schema);
  frame.history = true;
  frame.seqs = {100, 101, 104, 105};
  frame.times_ms = {1'794'990'000'000, 1'794'990'001'000, 1'794'990'004'000, 1'794'990'005'000};
  frame.columns = {{absent, absent, absent, absent},
                   {45, absent, 45.5, absent},
                   {absent, 1.0 / 3, -0.0, 2},
                   {1, absent, 1, absent}};
  return frame;
}

Frame long_frame(SchemaId schema) {
  Frame frame = live_frame(schema);
  frame.seqs.clear();
  frame.times_ms.clear();
  frame.columns.assign(1, {});
  for (std::uint64_t t = 0; t < 200; ++t) {
    frame.seqs.push_back(7200 + t);
    frame.times_ms.push_back(1'795'000'000'000 + static_cast<std::int64_t>(1000 * t));
    frame.columns[0].push_back(t % 2 == 0 ? 1 : 2);
  }
  return frame;
}

void check_frame(const Frame& frame, const std::string& bytes) {
  CHECK(to_hex(encode_frame(frame)) == to_hex(bytes));
  Frame decoded;
  REQUIRE(decode_frame(bytes, decoded));
  CHECK(test::same_bits(decoded, frame));
}

}  // namespace

TEST_CASE("the examples of FRAME.md are what the codecs write and read") {
  auto examples = read_examples();

  const std::string root = take(examples, "schema");
  CHECK(to_hex(encode_schema({}, root_series())) == to_hex(root));
  REQUIRE(decode_schema(root));
  CHECK(decode_schema(root)->added == root_series());
  const SchemaId root_id = schema_id_of(root);

  const std::vector<Series> more = {{"pod_up", {{"pod", "a"}}, Kind::gauge}};
  const std::string child = take(examples, "schema-child");
  CHECK(to_hex(encode_schema(root_id, more)) == to_hex(child));
  REQUIRE(decode_schema(child));
  CHECK(decode_schema(child)->parent == root_id);
  CHECK(decode_schema(child)->added == more);

  check_frame(live_frame(root_id), take(examples, "frame"));
  check_frame(history_frame(schema_id_of(child)), take(examples, "frame-history"));

  check_frame(thinned_frame(root_id), take(examples, "frame-thinned"));

  // Another zstd may write other bytes; all must read these.
  const std::string packed = take(examples, "frame-zstd");
  Frame decoded;
  REQUIRE(decode_frame(packed, decoded));
  CHECK(test::same_bits(decoded, long_frame(root_id)));
  CHECK(encode_frame(long_frame(root_id)).front() == packed.front());

  Frame question;
  question.stream = 0x1f3a'77c2'90de'4b58;
  question.seqs = {3};
  question.times_ms = {0};
  check_frame(question, take(examples, "question"));

  const Ack stored{
      .stream = 0x1f3a'77c2'90de'4b58, .seq = 7203, .relay_time_ms = 1'795'000'003'250};
  const Ack need{.stream = 0x1f3a'77c2'90de'4b58,
                 .seq = 7203,
                 .verdict = Verdict::need_schema,
                 .reason = "schema_unknown",
                 .schema = root_id,
                 .relay_time_ms = 1'795'000'003'250};
  for (const auto& [name, ack] : {std::pair("ack", stored), std::pair("ack-need-schema", need)}) {
    const std::string bytes = take(examples, name);
    CHECK(to_hex(encode_ack(ack)) == to_hex(bytes));
    REQUIRE(decode_ack(bytes));
    CHECK(*decode_ack(bytes) == ack);
  }

  const std::string latest = take(examples, "latest");
  CHECK(to_hex(encode_latest(1'795'000'000'000, {{root_series()[0], 0.52},
                                                 {root_series()[1], 45.5}})) == to_hex(latest));
  REQUIRE(decode_latest(latest));
  CHECK(decode_latest(latest)->values.size() == 2);

  const NodeStatus birth{.online = true,
                         .boot_id = "5f1c8f9e-6a57-4d0a-9b55-0f1d7c2f9a10",
                         .session = 0x9c41'0e77'd2b3'5a68,
                         .wall_ms = 1'795'000'000'000,
                         .version = "0.1.0",
                         .backlog_ticks = 3600};
  const std::string status = take(examples, "status");
  CHECK(to_hex(encode_status(birth)) == to_hex(status));
  REQUIRE(decode_status(status));
  CHECK(*decode_status(status) == birth);

  const RelayState state{.relay = "relay-0",
                         .wall_ms = 1'795'000'000'000,
                         .version = "0.1.0",
                         .out_of_order_ok = true};
  const std::string relay = take(examples, "relay");
  CHECK(to_hex(encode_relay_state(state)) == to_hex(relay));
  REQUIRE(decode_relay_state(relay));
  CHECK(*decode_relay_state(relay) == state);

  CHECK(examples.empty());
}
