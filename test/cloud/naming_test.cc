#include <algorithm>

#include <catch2/catch.hpp>

#include "cloud/ingest.h"
#include "test/support/remote_write_decoder.h"

namespace godwit {
namespace {

const std::vector<Series> node_series = {
    {"godwit_agent_info", {{"namespace", "godwit"}, {"pod", "agent-x"}}, Kind::info},
    {"node_load1", {}, Kind::gauge},
    {"hw_host_power_watts", {}, Kind::gauge},
};

std::vector<test::DecodedSeries> write(Ingest& ingest, std::uint64_t seq, std::int64_t time_ms) {
  const std::string schema = encode_schema(std::nullopt, node_series);
  REQUIRE(ingest.add_schema("edge-1", schema_id_of(schema), schema));
  Frame frame;
  frame.stream = 7;
  frame.schema = schema_id_of(schema);
  frame.seqs = {seq};
  frame.times_ms = {time_ms};
  frame.columns = {{1}, {0.5}, {12}};
  auto answer = ingest.add_frame("edge-1", encode_frame(frame), INT64_MAX / 2);
  auto& arrival = std::get<Arrival>(answer);
  ingest.stored(arrival, true);
  CHECK(arrival.dropped.empty());
  REQUIRE(arrival.bodies.size() == 1);
  return test::decode_write_request(arrival.bodies[0]);
}

std::vector<std::string> keys(const std::vector<test::DecodedSeries>& all) {
  std::vector<std::string> out;
  for (const auto& series : all) out.push_back(series.key());
  std::sort(out.begin(), out.end());
  return out;
}

IngestOptions options(const std::vector<std::string>& naming) {
  IngestOptions out;
  out.target = {"godwit", {{"cluster", "a"}}};
  out.naming = *parse_naming(naming);
  return out;
}

TEST_CASE("the host's series go out once, as node_exporter's of the agent's own pod") {
  Ingest ingest(options({"canonical", "node"}));
  CHECK(keys(write(ingest, 1, 1000)) ==
        std::vector<std::string>{
            "__name__=godwit_agent_info;cluster=a;instance=edge-1;job=godwit;namespace=godwit;"
            "pod=agent-x;",
            "__name__=hw_host_power_watts;cluster=a;instance=edge-1;job=godwit;",
            "__name__=node_load1;cluster=a;instance=edge-1;job=node-exporter;namespace=godwit;"
            "pod=agent-x;"});
}

TEST_CASE("without canonical names the others go out alone, and nothing counts as dropped") {
  Ingest ingest(options({"node"}));
  const std::vector<std::string> expected = {
      "__name__=node_load1;cluster=a;instance=edge-1;job=node-exporter;namespace=godwit;"
      "pod=agent-x;"};
  CHECK(keys(write(ingest, 1, 1000)) == expected);
  ingest.set_in_order(true);
  CHECK(keys(write(ingest, 2, 2000)) == expected);
}

const std::vector<Series> board = {
    {"godwit_board_info", {{"module", "NX"}}, Kind::info},
    {"hw_gpu_utilization_ratio", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, Kind::gauge},
    {"hw_power_watts", {{"hw_id", "VDD_IN"}, {"hw_type", "power_rail"}}, Kind::gauge},
};

// One frame of `board` with the GPU's load alone.
Frame load_frame(std::uint64_t seq, std::int64_t time_ms, double load) {
  Frame frame;
  frame.stream = 7;
  frame.schema = schema_id_of(encode_schema(std::nullopt, board));
  frame.seqs = {seq};
  frame.times_ms = {time_ms};
  frame.columns = {{absent}, {load}};
  return frame;
}

const std::string load_key =
    "__name__=gpu_usage_gpu;cluster=a;gpu=val;instance=n;job=jetson-exporter;";

TEST_CASE("a name of a set is stored, repeated, late and ended as what it is made of") {
  Ingest ingest(options({"canonical", "jetson_gpu"}));
  const std::string schema = encode_schema(std::nullopt, board);
  REQUIRE(ingest.add_schema("n", schema_id_of(schema), schema));
  const auto add = [&](const Frame& frame) {
    return ingest.add_frame("n", encode_frame(frame), INT64_MAX / 2);
  };
  const auto first = std::get<Arrival>(add(load_frame(1, 2000, 0.5)));
  CHECK(first.samples == 2);
  const auto series = test::decode_write_request(first.bodies.at(0));
  REQUIRE(series.at(1).key() == load_key);
  CHECK(series[1].samples.at(0) ==
        std::pair(std::int64_t{2000}, std::bit_cast<std::uint64_t>(50.0)));
  ingest.stored(first, true);
  CHECK(std::get<Ack>(add(load_frame(1, 2000, 0.5))).verdict == Verdict::stored);

  ingest.set_in_order(true);
  const auto late = std::get<Arrival>(add(load_frame(2, 1000, 0.25)));
  CHECK(late.bodies.empty());
  CHECK(late.dropped == DropCounts{{"out_of_order", 2}});

  const auto end =
      std::get<Arrival>(add(load_frame(3, 3000, std::bit_cast<double>(stale_marker_bits))));
  for (const auto& one : test::decode_write_request(end.bodies.at(0))) {
    CHECK(one.samples.at(0).second == stale_marker_bits);
  }
  CHECK(end.samples == 2);
}

}  // namespace
}  // namespace godwit
