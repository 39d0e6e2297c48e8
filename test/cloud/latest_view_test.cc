#include "cloud/latest_view.h"

#include <cmath>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

const Series load = {"node_load1", {}, Kind::gauge};
const Series idle = {"node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, Kind::counter};

Frame frame(std::vector<std::int64_t> times_ms, std::vector<std::vector<double>> columns) {
  Frame out;
  for (const auto time : times_ms) out.seqs.push_back(static_cast<std::uint64_t>(time));
  out.times_ms = std::move(times_ms);
  out.columns = std::move(columns);
  return out;
}

// Of the series of that name; time_ms is -1 when there is none.
Reading reading(const LatestView& view, std::string_view node, std::string_view name) {
  Reading out;
  out.time_ms = -1;
  view.visit(node, [&](const NodeReadings& now) {
    for (const auto& one : now.readings) {
      if (one.series->name == name && one.time_ms != INT64_MIN) out = one;
    }
  });
  return out;
}

TEST_CASE("the newest value of each series is the present one") {
  LatestView view;
  const Schema schema{1, {load, idle}};
  view.on_live("n", schema, frame({1000, 2000, 3000}, {{1, 2, absent}, {10, 11, 12}}), 5000);
  REQUIRE(reading(view, "n", "node_load1").value == 2);
  REQUIRE(reading(view, "n", "node_load1").time_ms == 2000);
  REQUIRE(reading(view, "n", "node_cpu_seconds_total").rate == 1);

  // A frame that came late, and one with a trailing column left out.
  view.on_live("n", schema, frame({1500}, {{9}, {9}}), 6000);
  REQUIRE(reading(view, "n", "node_load1").value == 2);
  view.on_live("n", schema, frame({5000}, {{3}}), 7000);
  REQUIRE(reading(view, "n", "node_load1").value == 3);
  REQUIRE(reading(view, "n", "node_cpu_seconds_total").value == 12);

  // Another schema, in another order; the rate is since the frame before.
  view.on_live("n", Schema{2, {idle, load}}, frame({7000}, {{14}, {4}}), 8000);
  REQUIRE(reading(view, "n", "node_load1").value == 4);
  REQUIRE(reading(view, "n", "node_cpu_seconds_total").rate == 0.5);
  REQUIRE(view.readings() == 2);

  // The counter began anew.
  view.on_live("n", schema, frame({8000}, {{5}, {0.5}}), 9000);
  REQUIRE(std::isnan(reading(view, "n", "node_cpu_seconds_total").rate));
}

TEST_CASE("a series that ended goes, and its room with it") {
  LatestView view({.keep_ms = 100'000});
  view.on_live("n", Schema{1, {load, idle}}, frame({1000}, {{1}, {1}}), 1000);
  view.on_live("m", Schema{1, {load}}, frame({1000}, {{7}}), 1000);
  REQUIRE(view.readings() == 3);
  view.on_live("n", Schema{1, {load, idle}}, frame({200'000}, {{1}}), 1000);
  REQUIRE(reading(view, "n", "node_load1").time_ms == 200'000);
  REQUIRE(reading(view, "n", "node_cpu_seconds_total").time_ms == -1);
  REQUIRE(reading(view, "m", "node_load1").value == 7);
}

TEST_CASE("neither nodes nor readings grow without bound") {
  LatestView view({.nodes = 2, .readings_per_node = 1, .readings = 2});
  view.on_live("a", Schema{1, {load, idle}}, frame({1000}, {{1}, {1}}), 1000);
  REQUIRE(view.left_out() == 1);
  REQUIRE(view.readings() == 1);
  view.on_live("b", Schema{1, {load}}, frame({1000}, {{1}}), 2000);
  view.on_live("c", Schema{1, {load}}, frame({1000}, {{3}}), 3000);
  REQUIRE(view.nodes() == std::vector<std::string>{"b", "c"});
  REQUIRE(view.readings() == 2);
  REQUIRE(reading(view, "c", "node_load1").value == 3);
}

TEST_CASE("series take no more room than they may") {
  LatestView view({.series_bytes = 1000});
  Schema schema{1, {load, {"big", {{"label", std::string(4000, 'x')}}, Kind::gauge}}};
  view.on_live("n", schema, frame({1000}, {{1}, {1}}), 1000);
  REQUIRE(view.readings() == 1);
  REQUIRE(view.left_out() == 1);
  REQUIRE(reading(view, "n", "node_load1").value == 1);
}

TEST_CASE("presence is of nodes that were seen") {
  LatestView view;
  view.on_presence("gone", false);
  REQUIRE(view.nodes().empty());
  view.on_presence("n", true);
  view.on_live("n", Schema{1, {load}}, frame({1000}, {{1}}), 2000);
  view.visit("n", [](const NodeReadings& now) {
    REQUIRE(now.online);
    REQUIRE(now.heard_ms == 2000);
    REQUIRE(now.newest_ms == 1000);
  });
  view.on_presence("n", false);
  view.visit("n", [](const NodeReadings& now) { REQUIRE_FALSE(now.online); });
  REQUIRE_FALSE(view.visit("x", [](const NodeReadings&) {}));
}

}  // namespace
}  // namespace godwit
