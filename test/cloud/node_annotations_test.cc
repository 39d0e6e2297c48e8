#include "cloud/node_annotations.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "test/cloud/npu_frames.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;
using State = NpuChip::State;

constexpr std::int64_t start_ms = 1'795'000'000'000;  // 2026-11-18T11:06:40Z

Annotations annotations_of(const std::string& capture) {
  const auto made = test::npu_frame(capture, start_ms);
  const auto report = read_npu_report(made.schema, made.frame);
  REQUIRE(report);
  return annotate(*report);
}

std::string value(const Annotations& all, const std::string& key) {
  const auto& found = all.at(key.find('/') == std::string::npos ? "npu.huawei.com/" + key : key);
  return found.value_or("(absent)");
}

NpuReport two_chips() {
  NpuReport report{start_ms, start_ms, {{}, {}}, {}};
  report.chips[0] = {"0-0", "0000:01:00.0", 0, 0, 0, State::ok, 0.4, 55.4, 100.6, 1e9, 4e9, 0};
  report.chips[1] = {"1-0", "0000:02:00.0", 1, 0, 1, State::ok, 0.51, 61.6, 61.9, 2e9, 4e9, 2};
  return report;
}

TEST_CASE("one line of each annotation, as golden files hold them") {
  // Read by test/peers/k8s_monitor.py too.
  for (const char* capture :
       {"A3/01-info-2cards-proc-25.2.0", "910B/05-info-910B3-8cards-busy-23.0.rc3.3",
        "310P/15-info-4duo-hugepages-procs-25.3.rc1", "310B/01-info-310B4-alarm-23.0.0-a",
        "950/26-info-8cards-no-banner", "910A/01-info-2cards-21.0.3.2"}) {
    json node{{"metadata", {{"annotations", json::object()}}}};
    for (const auto& [key, text] : annotations_of(std::string(capture) + ".txt")) {
      if (text) node["metadata"]["annotations"][key] = *text;
    }
    std::string name = capture;
    name.replace(name.find('/'), 1, "-");
    CHECK(test::is_golden("annotations/" + name + ".json", node.dump(1) + "\n"));
  }
}

TEST_CASE("mean utilisation, highest temperature, sums of power, memory and faults") {
  const auto all = annotate(two_chips());
  CHECK(all.size() == 11);
  CHECK(value(all, "utilization") == "45.5");
  CHECK(value(all, "hbm-total") == "8000000000");
  CHECK(value(all, "hbm-used") == "3000000000");
  CHECK(value(all, "hbm-utilization") == "37.5");
  CHECK(value(all, "temperature") == "62");
  CHECK(value(all, "power") == "163");
  CHECK(value(all, "health") == "Healthy");
  CHECK(value(all, "error-count") == "2");
  CHECK(value(all, "aicore-count") == "2");
  CHECK(value(all, "metrics-updated") == "2026-11-18T11:06:40Z");
  const json chips = json::parse(value(all, "k8s-monitor.io/npu-metrics"));
  CHECK(chips == json::parse(R"({"timestamp":"2026-11-18T11:06:40Z","chips":[
    {"npu":0,"chip":0,"phy_id":0,"bus_id":"0000:01:00.0","health":"OK","power":100.6,"temp":55,
     "aicore":40,"hbm_used":954,"hbm_total":3815},
    {"npu":1,"chip":0,"phy_id":1,"bus_id":"0000:02:00.0","health":"OK","power":61.9,"temp":62,
     "aicore":51,"hbm_used":1907,"hbm_total":3815}]})"));
  for (const auto& chip : chips["chips"]) {
    for (const char* key : {"npu", "chip", "phy_id", "temp", "aicore", "hbm_used", "hbm_total"}) {
      CHECK(chip[key].is_number_integer());
    }
  }
}

TEST_CASE("the worst chip is the node's health") {
  auto report = two_chips();
  const auto health = [&](State state) {
    report.chips[1].state = state;
    const auto all = annotate(report);
    const json chips = json::parse(value(all, "k8s-monitor.io/npu-metrics"));
    return value(all, "health") + " " + chips["chips"][1]["health"].get<std::string>();
  };
  CHECK(health(State::ok) == "Healthy OK");
  CHECK(health(State::degraded) == "Warning Warning");
  CHECK(health(State::failed) == "Unhealthy Alarm");
  CHECK(health(State::unknown) == "Unhealthy Unknown");
  report.chips[0].state = State::degraded;
  CHECK(health(State::failed) == "Unhealthy Alarm");
}

TEST_CASE("what is not known is absent, and what no integer holds is not known") {
  NpuReport bare{start_ms, start_ms, {{}}, {}};
  bare.chips[0].hw_id = "x";
  const auto all = annotate(bare);
  for (const char* key :
       {"utilization", "hbm-total", "hbm-used", "hbm-utilization", "temperature", "power"}) {
    CHECK(value(all, key) == "(absent)");
  }
  CHECK(value(all, "error-count") == "0");
  CHECK(json::parse(value(all, "k8s-monitor.io/npu-metrics"))["chips"][0] ==
        json::parse(R"({"npu":0,"chip":0,"health":"Unknown"})"));

  auto odd = two_chips();
  odd.chips[0].celsius = 1e300;
  odd.chips[0].watts = std::numeric_limits<double>::infinity();
  odd.chips[0].utilization = std::numeric_limits<double>::quiet_NaN();
  odd.chips[0].memory_total = 0;
  odd.chips[1].memory_total = 0;
  odd.chips[0].bus_id = "\xff\xfe";
  const auto strange = annotate(odd);
  for (const char* key : {"utilization", "hbm-utilization", "temperature", "power"}) {
    CHECK(value(strange, key) == "(absent)");
  }
  CHECK(json::parse(value(strange, "k8s-monitor.io/npu-metrics"))["chips"].size() == 2);
}

TEST_CASE("the power of a card stands with its first chip") {
  const json chips = json::parse(value(annotations_of("A3/01-info-2cards-proc-25.2.0.txt"),
                                       "k8s-monitor.io/npu-metrics"))["chips"];
  REQUIRE(chips.size() == 4);
  CHECK(chips[0]["power"] == 162.8);
  CHECK(!chips[1].contains("power"));
  CHECK(chips[2]["power"] == 167.1);
}

TEST_CASE("stale is Unhealthy without figures") {
  const auto all = annotate_stale(start_ms);
  CHECK(all.size() == 11);
  CHECK(value(all, "health") == "Unhealthy");
  CHECK(value(all, "metrics-updated") == "2026-11-18T11:06:40Z");
  for (const auto& [key, text] : all) {
    if (key != annotation::health && key != annotation::updated) CHECK(!text);
  }
}

TEST_CASE("times in seconds go both ways") {
  for (const std::int64_t seconds : {0LL, 951'782'400LL, 951'868'799LL, 1'709'164'800LL,
                                     1'795'000'000LL, 4'102'444'800LL, 7'258'118'399LL}) {
    CHECK(parse_seconds(format_seconds(seconds * 1000)) == seconds * 1000);
  }
  CHECK(format_seconds(1'795'000'000'999) == "2026-11-18T11:06:40Z");
  for (const char* wrong :
       {"", "2026-11-18T11:06:40", "2026-13-18T11:06:40Z", "2026-02-30T11:06:40Z",
        "2026-11-18 11:06:40Z", "2026-11-18T11:06:61Z", "1969-11-18T11:06:40Z",
        "2026-11-18T11:06:4\xff"
        "Z"}) {
    CHECK(!parse_seconds(wrong));
  }
}

}  // namespace
}  // namespace godwit
