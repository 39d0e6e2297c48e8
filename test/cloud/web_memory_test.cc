#include "cloud/web_memory.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "cloud/web_history.h"
#include "transport/text.h"

namespace godwit {
namespace {

const Schema schema{5,
                    {{"node_load1", {}, Kind::gauge},
                     {"node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, Kind::counter},
                     {"node_forks_total", {}, Kind::counter}}};  // not drawn

Frame frame(std::int64_t first_s, std::int64_t last_s, std::int64_t step_s = 1) {
  Frame out;
  out.columns.resize(3);
  for (std::int64_t s = first_s; s <= last_s; s += step_s) {
    out.seqs.push_back(static_cast<std::uint64_t>(s));
    out.times_ms.push_back(s * 1000);
    out.columns[0].push_back(static_cast<double>(s));
    out.columns[1].push_back(static_cast<double>(s) * 0.25);
    out.columns[2].push_back(7);
  }
  return out;
}

const WebHistory::Row& row(const WebHistory& history, std::string_view id) {
  for (const auto& one : history.rows) {
    if (one.id == id) return one;
  }
  FAIL("no " << id);
  return history.rows.front();
}

TEST_CASE("web memory: values, rates and gaps") {
  WebMemory memory(1U << 20);
  CHECK(memory.on_live("n", schema, frame(100, 109), false).empty());
  const auto told = memory.on_live("n", schema, frame(120, 121), true);
  REQUIRE(told.size() == 2);
  CHECK(
      told[1] ==
      R"({"time_ms":121000,"values":{"node_load1":121,"node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}":0.75}})");
  const WebHistory all = memory.read("n", {100'000, 122'000, 1000}, {});
  REQUIRE(all.rows.size() == 2);
  REQUIRE(all.times.size() == 23);
  const auto& load = row(all, "node_load1").values;
  CHECK(load[0] == 100);
  CHECK(load[9] == 109);
  CHECK(load[11] == 109);  // it may be late
  CHECK(std::isnan(load[12]));
  CHECK(std::isnan(load[19]));
  CHECK(load[20] == 120);
  const auto& busy = row(all, "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}").values;
  CHECK(std::isnan(busy[0]));
  CHECK(busy[1] == 0.75);
  const std::vector<std::string> ids = {"node_load1", "node_other"};
  CHECK(memory.read("n", {100'000, 110'000, 5000}, ids).rows.size() == 1);
  CHECK(memory.read("other", {100'000, 110'000, 5000}, {}).rows.empty());
}

TEST_CASE("web memory: what is told has the readings of all ticks since it was told last") {
  WebMemory memory(1U << 20);
  Frame both = frame(100, 101);
  both.times_ms = {100'000, 100'500};
  both.columns[0] = {1, 2};
  both.columns[1] = {absent, absent};
  const Schema two{5, {{"node_load1", {}, Kind::gauge}, {"hw_host_power_watts", {}, Kind::gauge}}};
  memory.on_live("n", two, both, true);
  // The slow collector reads at the half seconds, the page is told at the full ones.
  both.times_ms = {101'500, 102'000};
  both.columns[0] = {3, 4};
  both.columns[1] = {7, absent};
  CHECK(memory.on_live("n", two, both, true) ==
        std::vector<std::string>{
            R"({"time_ms":101500,"values":{"node_load1":3,"hw_host_power_watts":7}})"});
  both.times_ms = {102'100, 102'500};
  both.columns[0] = {5, absent};
  both.columns[1] = {8, absent};
  const auto told = memory.on_live("n", two, both, true);
  CHECK(told.empty());
  both.times_ms = {103'000, 103'200};
  CHECK(memory.on_live("n", two, both, true).at(0) ==
        R"({"time_ms":103000,"values":{"node_load1":5,"hw_host_power_watts":8}})");
}

TEST_CASE("web memory: history fills its gap and is marked") {
  WebMemory memory(1U << 20);
  memory.on_live("n", schema, frame(100, 109), false);
  memory.on_live("n", schema, frame(130, 139), false);
  Frame thinned = frame(110, 118, 4);
  thinned.history = true;
  thinned.keep_every = 4;
  memory.on_history("n", schema, thinned);
  Frame rest = frame(119, 129);
  rest.history = true;
  memory.on_history("n", schema, rest);
  const WebRange range{100'000, 139'000, 1000};
  WebHistory all = memory.read("n", range, {});
  memory.add_stretches("n", range, all);
  const auto& load = row(all, "node_load1").values;
  for (const std::size_t s : {0U, 9U, 10U, 14U, 18U, 19U, 29U, 30U, 39U})
    CHECK(load[s] == 100 + static_cast<double>(s));
  CHECK(row(all, "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}").values[39] == 0.75);
  REQUIRE(all.backfilled.size() == 1);
  CHECK(all.backfilled[0].from_ms == 110'000);
  CHECK(all.backfilled[0].to_ms == 129'000);
  REQUIRE(all.thinned.size() == 1);
  CHECK(all.thinned[0].step_s == 4);
}

TEST_CASE("web memory: old points go") {
  WebMemory memory(1U << 20, 60'000);
  for (std::int64_t s = 0; s < 1000; s += 10) memory.on_live("n", schema, frame(s, s + 9), false);
  CHECK(*memory.begin_ms("n") >= 999'000 - 80'000);
  CHECK(*memory.begin_ms("n") <= 999'000 - 60'000);
  CHECK(memory.bytes() < 4000);
  memory.forget("n");
  CHECK(memory.bytes() == 0);
}

TEST_CASE("web memory: its bound holds, by coarser steps before any node goes") {
  constexpr std::size_t bound = 256U << 10;
  WebMemory memory(bound);
  for (std::int64_t s = 0; s < 900; s += 10) {
    for (int node = 0; node < 60; ++node) {
      memory.on_live(concat("n", node), schema, frame(s, s + 9), false);
    }
    REQUIRE(memory.bytes() <= bound);
  }
  for (int node = 0; node < 60; ++node) CHECK(memory.begin_ms(concat("n", node)));
  const WebHistory coarse = memory.read("n7", {0, 899'000, 1000}, {});
  CHECK(row(coarse, "node_load1").values[890] > 800);
  for (int node = 60; node < 3000; ++node) {
    memory.on_live(concat("n", node), schema, frame(900 + node, 909 + node), false);
  }
  CHECK(memory.bytes() <= bound);
  CHECK(!memory.begin_ms("n0"));
  CHECK(memory.begin_ms("n2999"));
}

TEST_CASE("web history: whole steps, a bounded number of points") {
  const auto range = [](std::string_view query) {
    return choose_range(*parse_web_query(query), 1'000'000'000);
  };
  CHECK(range("")->step_ms == 3000);
  CHECK(range("from_ms=0&to_ms=604800000&step_s=1")->step_ms == 606'000);
  CHECK(range("from_ms=1500&to_ms=9500&step_s=2")->from_ms == 2000);
  CHECK(!range("from_ms=2&to_ms=1"));
}

TEST_CASE("web history: what the database is asked, and what becomes of its answer") {
  const WebMemory memory(1U << 20);
  std::vector<std::string> asked;
  HistoryOptions database;
  database.target.job = "godwit";
  database.target.external = {{"cluster", "a\"b"}};
  database.get = [&](std::string_view target) -> Result<HttpReply> {
    asked.emplace_back(target);
    const std::string metric =
        target.find("rate") != std::string_view::npos
            ? R"({"cpu":"0","mode":"idle","instance":"n","job":"godwit","cluster":"a\"b"})"
            : R"({"__name__":"node_load1","instance":"n","job":"godwit","cluster":"a\"b"})";
    return HttpReply{
        200, concat(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":)",
                    metric, R"(,"values":[[2,"0.25"]]}]}})")};
  };
  const std::vector<Series> ids = {*parse_web_id("node_load1"),
                                   *parse_web_id("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}"),
                                   *parse_web_id("up")};
  const auto json = describe_history(memory, database, "n", {1000, 3000, 1000}, ids);
  REQUIRE(json.ok());
  CHECK(*json ==
        R"({"source":"database","step_s":1,"times":[1000,2000,3000],"series":[)"
        R"({"id":"node_load1","values":[null,0.25,null]},)"
        R"({"id":"node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}","values":[null,0.75,null]}],)"
        R"("backfilled":[],"thinned":[]})");
  REQUIRE(asked.size() == 2);
  CHECK(
      asked[0].find(percent_encode(
          R"(last_over_time({instance="n",job="godwit",cluster="a\"b",__name__=~"node_load1"}[30s]))")) !=
      std::string::npos);
  CHECK(asked[1].find(percent_encode("rate({instance=")) != std::string::npos);
}

}  // namespace
}  // namespace godwit
