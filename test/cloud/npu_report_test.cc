#include "cloud/npu_report.h"

#include <catch2/catch.hpp>

#include "test/cloud/npu_frames.h"

namespace godwit {
namespace {

using test::FrameOf;
using test::npu_frame;
using State = NpuChip::State;

constexpr std::int64_t start_ms = 1'795'000'000'000;

TEST_CASE("a frame without NPUs has no report") {
  FrameOf made;
  made.add("node_load1", {}, {1, 2});
  made.add("hw_temperature_celsius", {{"hw_id", "cpu"}, {"hw_type", "cpu"}}, {40, 41});
  CHECK(!read_npu_report(made.schema, made.frame));
  CHECK(!read_npu_report({}, Frame()));
}

TEST_CASE("the report is the last one in the frame, and chips that it lacks are gone") {
  FrameOf made;
  const auto chip = [](const char* id) {
    return Labels{{"chip", "0"}, {"hw_id", id}, {"hw_type", "npu"}, {"npu", std::string(id, 1)}};
  };
  made.add("hw_npu_info", chip("0-0"), {absent, 1, absent, 1, absent});
  made.add("hw_npu_info", chip("1-0"), {absent, 1, absent, absent, absent});
  const auto temperature = [&](const char* id, std::vector<double> values) {
    made.add("hw_temperature_celsius", {{"hw_id", id}, {"hw_type", "npu"}}, std::move(values));
  };
  temperature("0-0", {absent, 40, absent, 50, absent});
  temperature("1-0", {absent, 41, absent, absent, absent});
  const auto report = read_npu_report(made.schema, made.frame);
  REQUIRE(report);
  CHECK(report->time_ms == made.frame.times_ms[3]);
  REQUIRE(report->chips.size() == 1);
  CHECK(report->chips[0].celsius == 50);
  CHECK(!report->chips[0].state);  // nothing said how it is
}

TEST_CASE("a state that is told more often than the rest counts as of its last word") {
  FrameOf made;
  made.add("hw_npu_info", {{"hw_id", "0"}, {"hw_type", "npu"}, {"npu", "0"}}, {1, absent, absent});
  const auto state = [&](const char* name, std::vector<double> values) {
    made.add("hw_status", {{"hw_id", "0"}, {"hw_state", name}, {"hw_type", "npu"}},
             std::move(values));
  };
  state("ok", {1, 1, 0});
  state("failed", {0, 0, 1});
  CHECK(read_npu_report(made.schema, made.frame)->chips.at(0).state == State::failed);
}

TEST_CASE("states and figures complete each other") {
  FrameOf figures;
  figures.add("hw_npu_info", {{"hw_id", "0"}, {"hw_type", "npu"}, {"npu", "0"}}, {1});
  figures.add("hw_temperature_celsius", {{"hw_id", "0"}, {"hw_type", "npu"}}, {50});
  const auto state = [](const char* name, std::int64_t at_ms) {
    FrameOf made;
    made.add("hw_status", {{"hw_id", "0"}, {"hw_state", name}, {"hw_type", "npu"}}, {1}, at_ms);
    return *read_npu_report(made.schema, made.frame);
  };
  const auto read = *read_npu_report(figures.schema, figures.frame);
  const auto ok = state("ok", start_ms + 5000);
  CHECK(ok.figures_ms == 0);
  const auto both = complete_report(&read, ok, 60'000);
  CHECK(both.time_ms == start_ms + 5000);
  CHECK(both.chips.at(0).state == State::ok);
  CHECK(both.chips[0].celsius == 50);
  auto later = read;
  later.time_ms = later.figures_ms = start_ms + 10'000;
  CHECK(complete_report(&both, later, 60'000).chips.at(0).state == State::ok);
  CHECK(complete_report(nullptr, ok, 60'000).chips.at(0).hw_id == "0");
  // The tool hangs, and the node goes on saying what it thinks of its NPUs.
  const auto hung = complete_report(&both, state("failed", start_ms + 70'000), 60'000);
  CHECK(hung.chips.at(0).state == State::failed);
  CHECK(!hung.chips[0].celsius);
  CHECK(hung.chips[0].npu == 0);
}

TEST_CASE("what is odd about a frame does no harm") {
  FrameOf made;
  made.add("hw_npu_info", {{"hw_id", ""}, {"npu", "x"}}, {1});
  CHECK(!read_npu_report(made.schema, made.frame));
  made.add("hw_npu_info", {{"hw_id", "a"}, {"hw_type", "npu"}, {"npu", "99999999999999999999"}},
           {1});
  made.add("hw_power_watts", {{"hw_id", "elsewhere"}, {"hw_type", "npu"}}, {1});
  made.add("hw_status", {{"hw_id", "a"}, {"hw_state", "dreaming"}, {"hw_type", "npu"}}, {1});
  made.frame.columns.push_back({1});  // wider than its schema
  const auto report = read_npu_report(made.schema, made.frame);
  REQUIRE(report);
  CHECK(report->chips.size() == 1);
  CHECK(!report->chips[0].npu);
  CHECK(report->card_watts.empty());

  FrameOf many;
  for (int i = 0; i < 1000; ++i) {
    many.add("hw_npu_info", {{"hw_id", std::to_string(i)}, {"hw_type", "npu"}}, {1});
  }
  CHECK(read_npu_report(many.schema, many.frame)->chips.size() == 128);
}

TEST_CASE("captures of npu-smi arrive as they were read") {
  const auto a3 = npu_frame("A3/01-info-2cards-proc-25.2.0.txt", start_ms);
  const auto report = read_npu_report(a3.schema, a3.frame);
  REQUIRE(report);
  CHECK(report->time_ms == start_ms);
  REQUIRE(report->chips.size() == 4);
  CHECK(report->chips[1].hw_id == "0-1");
  CHECK(report->chips[3].phy_id == 3);
  CHECK(report->chips[3].bus_id == "0000:39:00.0");
  CHECK(report->chips[3].memory_used == 10'568.0 * 1024 * 1024);
  CHECK(report->chips[3].state == State::ok);
  CHECK(report->card_watts == std::vector<std::pair<std::int64_t, double>>{{0, 162.8}, {1, 167.1}});

  const auto duo = npu_frame("310P/12-info-npu6-25.3.rc1.txt", start_ms);
  const auto of_ddr = read_npu_report(duo.schema, duo.frame);
  REQUIRE(of_ddr);
  CHECK(of_ddr->chips[0].memory_total.has_value());  // 310P has DDR alone
}

}  // namespace
}  // namespace godwit
