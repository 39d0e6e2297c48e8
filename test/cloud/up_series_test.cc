#include "cloud/up_series.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "test/support/remote_write_decoder.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t start_ms = 1'795'000'005'000;  // a whole moment
static_assert(start_ms % UpSeries::interval_ms == 0);

NodeStatus status(bool online) {
  NodeStatus out;
  out.online = online;
  out.boot_id = "b";
  out.session = 1;
  return out;
}

std::string schema(const std::vector<std::string>& names) {
  std::vector<Series> series;
  for (const auto& name : names) series.push_back({name, {}, Kind::gauge});
  return encode_schema(std::nullopt, series);
}

std::vector<std::string> lines(const Arrival& arrival, std::int64_t time_ms) {
  std::vector<std::string> out;
  for (const auto& series : test::decode_write_request(arrival.bodies.at(0))) {
    REQUIRE(series.samples.size() == 1);
    CHECK(series.samples[0].first == time_ms);
    out.push_back(concat(series.key(), " ", std::bit_cast<double>(series.samples[0].second)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST_CASE("up says of each node and set who is there") {
  UpSeries up({"godwit", {{"cluster", "a"}}}, *parse_naming({"canonical", "node", "jetson"}));
  REQUIRE(up.on());
  Fleet fleet;
  fleet.on_status("jetson", status(true));
  fleet.on_status("gone", status(true));
  fleet.on_status("gone", status(false));
  fleet.on_frame("never-said-so", 1, false);
  up.on_schema("jetson", schema({"node_load1", "godwit_board_info"}));
  up.on_schema("gone", schema({"node_load1"}));
  up.on_schema("gone", "no schema");
  CHECK_FALSE(up.take(fleet, start_ms + 14'000));  // everybody is still being told
  const auto first = up.take(fleet, start_ms + 15'100);
  REQUIRE(first);
  CHECK(first->node.empty());
  CHECK(first->samples == 5);
  CHECK(lines(*first, start_ms + 15'000) ==
        std::vector<std::string>{"__name__=up;cluster=a;instance=gone;job=godwit; 0",
                                 "__name__=up;cluster=a;instance=gone;job=node-exporter; 0",
                                 "__name__=up;cluster=a;instance=jetson;job=godwit; 1",
                                 "__name__=up;cluster=a;instance=jetson;job=jetson-exporter; 1",
                                 "__name__=up;cluster=a;instance=jetson;job=node-exporter; 1"});
  CHECK_FALSE(up.take(fleet, start_ms + 29'000));
  fleet.forget("gone");
  up.forget("gone");
  CHECK(up.take(fleet, start_ms + 30'000)->samples == 3);
}

TEST_CASE("sets of one job have one up, and canonical alone has none") {
  UpSeries up({"godwit", {}}, *parse_naming({"jetson", "jetson_gpu"}));
  Fleet fleet;
  fleet.on_status("n", status(true));
  up.on_schema("n", schema({"godwit_board_info"}));
  CHECK_FALSE(up.take(fleet, start_ms));
  CHECK(up.take(fleet, start_ms + 15'000)->samples == 1);
  CHECK_FALSE(UpSeries({"godwit", {}}, {}).on());
}

}  // namespace
}  // namespace godwit
