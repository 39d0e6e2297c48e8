#include "transport/naming/name_plan.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr NameJoin joins[] = {{"hw_gpu_info", "hw_id"}, {"hw_npu_info", "hw_id", true}};
constexpr NameRow rows[] = {
    {"hw_gpu_utilization_ratio", "hw_type=gpu", "load", "gpu=0", 100},
    // The first rail that the board has.
    {"hw_power_watts", "hw_id=GPU", "power", "rail=gpu", 1000},
    {"hw_power_watts", "hw_id=VDD_*", "power", "rail=gpu", 1000},
    {"hw_power_watts", "hw_type=npu", "power", "", 1},
    {"used", "", "used_percent", "", 100, How::ratio, "total"},
    {"busy", "cpu=0|1", "cpu", "cpu=cpu_{cpu|next}", 100, How::whole_or_zero, "busy"},
    {"busy", "", "cpu", "cpu=cpu_1", 1, How::zero},
    {"busy", "", "cpu", "cpu=cpu_2", 1, How::zero},
    {"lonely", "", "lonely", "", 1, How::ratio, "not_there"},
};
constexpr NameSet test_set = {.name = "test",
                              .job = "test-job",
                              .labels = "model={hw_model|unknown},host={@node}",
                              .adopts = "node_*",
                              .joins = joins,
                              .rows = rows};

std::vector<std::string> lines(std::vector<Sample> samples, const Naming& naming) {
  std::vector<std::string> all;
  for (const auto& sample : rename_samples(std::move(samples), "edge-1", naming)) {
    all.push_back(concat(format_series(sample.series), " ", format_number(sample.value)));
  }
  std::sort(all.begin(), all.end());
  return all;
}

Sample make(std::string name, Labels labels, double value) {
  return {{std::move(name), std::move(labels), Kind::gauge}, value};
}

const std::vector<Sample> board = {
    make("hw_gpu_info", {{"hw_id", "ga10b"}, {"hw_model", "old"}, {"hw_type", "gpu"}}, 1),
    make("hw_gpu_info", {{"hw_id", "ga10b"}, {"hw_model", "Orin"}, {"hw_type", "gpu"}}, 1),
    make("hw_gpu_utilization_ratio", {{"hw_id", "ga10b"}, {"hw_type", "gpu"}}, 0.453),
    make("hw_power_watts", {{"hw_id", "VDD_GPU_SOC"}, {"hw_type", "power_rail"}}, 4.5),
    make("hw_npu_info", {{"hw_id", "0-0"}, {"hw_model", "310P"}}, 1),
    make("hw_npu_info", {{"hw_id", "0-1"}, {"hw_model", "310P3"}}, 1),
    make("hw_power_watts", {{"hw_id", "0"}, {"hw_type", "npu"}}, 70),
    make("busy", {{"cpu", "0"}}, 0.063),
    make("used", {}, 1),
    make("total", {}, 4),
    make("lonely", {}, 1),
    make("node_load1", {}, 0.5),
};

TEST_CASE("a table names series") {
  const std::vector<std::string> expected = {
      "cpu{cpu=\"cpu_1\",host=\"edge-1\",model=\"unknown\"} 7",
      "cpu{cpu=\"cpu_2\",host=\"edge-1\",model=\"unknown\"} 0",
      "load{gpu=\"0\",host=\"edge-1\",model=\"Orin\"} 45.3",
      "node_load1 0.5",
      "power{host=\"edge-1\",model=\"310P\"} 70",
      "power{host=\"edge-1\",model=\"310P3\"} 70",
      "power{host=\"edge-1\",model=\"unknown\",rail=\"gpu\"} 4500",
      "used_percent{host=\"edge-1\",model=\"unknown\"} 25",
  };
  CHECK(lines(board, {.canonical = false, .sets = {&test_set}}) == expected);
  // With the canonical names, what a set adopts is still there once.
  const auto both = lines(board, {.canonical = true, .sets = {&test_set}});
  CHECK(both.size() == expected.size() + board.size() - 1);
  CHECK(std::count(both.begin(), both.end(), "node_load1 0.5") == 1);
}

TEST_CASE("the first row that a board has makes the series") {
  std::vector<Sample> other = board;
  other.push_back(make("hw_power_watts", {{"hw_id", "gpu"}, {"hw_type", "power_rail"}}, 2));
  const auto named = lines(other, {.canonical = false, .sets = {&test_set}});
  CHECK(std::count(named.begin(), named.end(),
                   "power{host=\"edge-1\",model=\"unknown\",rail=\"gpu\"} 2000") == 1);
}

TEST_CASE("the agent's newest pod is known from its readings") {
  const auto info = [](std::string pod) {
    return Series{"godwit_agent_info", {{"namespace", "godwit"}, {"pod", std::move(pod)}}};
  };
  const std::vector<Series> schema = {info("a"), {"node_load1", {}}, info("b"), {"hw_status", {}}};
  const NamePlan plan = plan_names(schema, "n", {.canonical = true, .sets = {&test_set}});
  CHECK(plan.own_pod == Labels{{"namespace", "godwit"}, {"pod", "b"}});
  CHECK(plan.adopted == std::vector<const NameSet*>{nullptr, &test_set, nullptr, nullptr});
  CHECK(plan_names(std::vector<Series>{{"a", {}}}, "n", {}).own_pod.empty());
}

constexpr NameJoin live_joins[] = {
    {.metric = "pod", .on = "hw_id", .live = true, .any_with = "godwit_board_info"}};
constexpr NameRow live_rows[] = {{"load", "", "load", "pod={pod}"}};
constexpr NameSet live_set = {
    .name = "live", .job = "live", .joins = live_joins, .rows = live_rows};

TEST_CASE("a live info counts while it has samples") {
  const Naming naming = {.canonical = false, .sets = {&live_set}};
  const auto pod = [](std::string id, std::string name) {
    return Series{"pod", {{"hw_id", std::move(id)}, {"pod", std::move(name)}}};
  };
  const std::vector<Series> schema = {
      {"load", {{"hw_id", "0"}}}, pod("0", "a"), pod("0", "b"), pod("1", "c")};
  const NamePlan plan = plan_names(schema, "n", naming);
  REQUIRE(plan.added.size() == 3);
  std::vector<Formula> formulas;
  std::vector<std::string> names;
  for (const auto& added : plan.added) {
    formulas.push_back(added.formula);
    names.push_back(format_series(added.series));
  }
  CHECK(names == std::vector<std::string>{R"(load{pod="a"})", R"(load{pod="b"})", "load"});
  // Nobody, a, a and b, b, nobody; and a tick without a reading in between.
  Frame frame;
  frame.times_ms = {1, 2, 3, 4, 5, 6};
  frame.columns = {{1, 2, 3, absent, 5, 6},
                   {absent, 1, 1, absent, absent, absent},
                   {absent, absent, 1, absent, 1, absent},
                   {1, 1, 1, 1, 1, 1}};
  append_columns(formulas, schema.size(), frame);
  const auto text = [&](std::size_t column) {
    std::string all;
    for (const double value : frame.columns[schema.size() + column]) {
      all += is_stale_marker(value) ? "x" : is_absent(value) ? "-" : format_number(value);
    }
    return all;
  };
  CHECK(text(0) == "x23-x-");
  CHECK(text(1) == "x---5x");
  CHECK(text(2) == "1x---6");
}

TEST_CASE("on a Jetson a live info is of the one accelerator") {
  const std::vector<Sample> jetson = {make("godwit_board_info", {{"model", "Orin"}}, 1),
                                      make("load", {{"hw_id", "VDD_CPU_GPU_CV"}}, 3),
                                      make("pod", {{"hw_id", "ga10b"}, {"pod", "a"}}, 1)};
  CHECK(lines(jetson, {.canonical = false, .sets = {&live_set}}) ==
        std::vector<std::string>{R"(load{pod="a"} 3)"});
}

TEST_CASE("a schema made to hurt is planned in bounded time and size") {
  std::vector<Series> schema;
  for (int i = 0; i < 20'000; ++i) {
    schema.push_back({"hw_npu_info", {{"hw_id", concat("0-", i)}}});
    schema.push_back({"hw_power_watts", {{"hw_id", "0"}, {"hw_type", "npu"}, {"x", concat(i)}}});
  }
  const NamePlan plan = plan_names(schema, "n", {.canonical = false, .sets = {&test_set}});
  std::size_t inputs = 0;
  for (const auto& named : plan.added) inputs += named.formula.inputs.size();
  CHECK(plan.added.size() <= max_schema_series);
  CHECK(inputs <= 64 * schema.size());
}

TEST_CASE("the setting names sets") {
  CHECK(parse_naming({"canonical"})->only_canonical());
  const auto naming = parse_naming({"node", "node"});
  CHECK_FALSE(naming->canonical);
  REQUIRE(naming->sets.size() == 1);
  CHECK(naming->sets[0]->name == "node");
  CHECK_FALSE(parse_naming({}));
}

}  // namespace
}  // namespace godwit
