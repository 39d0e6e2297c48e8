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

}  // namespace
}  // namespace godwit
