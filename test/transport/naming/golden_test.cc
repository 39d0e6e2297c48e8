// Every name set on every board, as golden/naming/<set>/<board>.prom: what the boards' captured
// readings become under each set.
#include <filesystem>

#include <catch2/catch.hpp>

#include "edge/collectors/jetson_readings.h"
#include "edge/collectors/jtop/jtop_data.h"
#include "edge/collectors/npu_smi/parse.h"
#include "edge/collectors/npu_smi/series.h"
#include "test/support/support.h"
#include "transport/exposition.h"
#include "transport/naming/name_plan.h"
#include "transport/text.h"

using namespace godwit;

namespace {

constexpr std::size_t max_processes = 10;

JetsonReadings jetson(const std::string& transcript) {
  const auto load = [&](const char* name) {
    auto pickle =
        Pickle::decode(test::read_file(test::fixture("jtop") / transcript / "payload" / name));
    REQUIRE(pickle);
    return std::move(*pickle);
  };
  const Pickle init = load("init.pickle");
  const Pickle data = load("copy-1.pickle");
  JetsonReadings readings = parse_jtop_data(data.root().at(1));
  readings.board = parse_jtop_init(init.root().at(1)["init"]).board;
  return readings;
}

// An AGX Orin is an Orin NX with more cores and sensors, and other rails.
JetsonReadings agx_orin() {
  JetsonReadings readings = jetson("orin-nx_4.3.1_py310_full");
  readings.board["model"] = "NVIDIA Jetson AGX Orin Developer Kit";
  readings.board["module"] = "NVIDIA Jetson AGX Orin (64GB ram)";
  readings.board["p_number"] = "p3701-0005";
  readings.board["part_number"] = "699-13701-0005-500 M.0";
  for (int core = 8; core < 12; ++core) {
    readings.cores.push_back(readings.cores.front());
    readings.cores.back().index = core;
  }
  readings.temperatures.push_back({"tboard", 38.0, {}, {}});
  readings.temperatures.push_back({"tdiode", 39.5, {}, {}});
  readings.rails = {{"VDD_GPU_SOC", 5.568, {}, {}, {}, {}},
                    {"VDD_CPU_CV", 1.193, {}, {}, {}, {}},
                    {"VIN_SYS_5V0", 4.235, {}, {}, {}, {}},
                    {"VDDQ_VDD2_1V8AO", 0.604, {}, {}, {}, {}}};
  readings.total_watts = 11.6;
  return readings;
}

Batch of_jetson(const JetsonReadings& readings) {
  Batch out;
  add_jetson_readings(readings, max_processes, out);
  return out;
}

Batch of_npu(const char* capture) {
  const auto table = npu_smi::parse_info_table(test::read_file(test::fixture("npu-smi") / capture));
  REQUIRE(table);
  Batch out;
  npu_smi::add_series(*table, {}, max_processes, out);
  return out;
}

void add_host(Batch& out) {
  constexpr double mib = 1 << 20;
  out.add_info("godwit_agent_info", {{"version", "1.2.3"}, {"pod", "agent-x"}});
  out.add("node_time_seconds", 1'795'100'000.25);
  out.add("node_boot_time_seconds", 1'795'100'000.0 - (3 * 86'400 + 4 * 3600 + 5 * 60 + 7));
  out.add("node_load1", 0.5);
  out.add("node_memory_MemTotal_bytes", 6987 * mib);
  out.add("node_memory_MemFree_bytes", 2329 * mib);
  out.add("node_memory_MemAvailable_bytes", 3700 * mib);
  out.add("node_memory_Buffers_bytes", 60 * mib);
  out.add("node_memory_Cached_bytes", 1200 * mib);
  out.add("node_memory_SReclaimable_bytes", 80 * mib);
  out.add("node_memory_SwapTotal_bytes", 3493 * mib);
  out.add("node_memory_SwapFree_bytes", 3473 * mib);
  for (const char* mountpoint : {"/", "/data"}) {
    const Labels labels = {
        {"device", "/dev/mmcblk0p1"}, {"fstype", "ext4"}, {"mountpoint", mountpoint}};
    out.add("node_filesystem_size_bytes", labels, 58 * 1024 * mib);
    out.add("node_filesystem_free_bytes", labels, 21 * 1024 * mib);
    out.add("node_filesystem_avail_bytes", labels, 18 * 1024 * mib);
  }
}

void add_problems(Batch& out) {
  out.add("godwit_problem", {{"type", "NPUUnhealthy"}, {"reason", "NPUOverheating"}}, 1);
  out.add("godwit_problem", {{"type", "GPUHung"}, {"reason", "GPUIsNotHung"}}, 0);
  out.add("godwit_problems_total", {{"type", "NPUUnhealthy"}, {"reason", "NPUOverheating"}}, 3);
  out.add("godwit_problems_total", {{"type", "GPUHung"}, {"reason", "GPUHung"}}, 2);
  out.add("godwit_problems_total", {{"type", "GPUHealthy"}, {"reason", "GPUHung"}}, 1);
}

}  // namespace

TEST_CASE("every name set on every board") {
  std::map<std::string, Batch> boards;
  boards["xavier-nx"] = of_jetson(jetson("xavier-nx_4.2.7_py38_full"));
  boards["orin-nx"] = of_jetson(jetson("orin-nx_4.3.1_py310_full"));
  boards["agx-orin"] = of_jetson(agx_orin());
  boards["ascend-310p"] = of_npu("310P/15-info-4duo-hugepages-procs-25.3.rc1.txt");
  boards["ascend-910b"] = of_npu("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt");
  add_problems(boards["ascend-310p"]);
  for (auto& [board, readings] : boards) {
    add_host(readings);
    for (const NameSet* set : all_name_sets()) {
      const std::string golden = concat("naming/", set->name, "/", board, ".prom");
      INFO(golden);
      const std::string text =
          expose(rename_samples(readings.samples(), "edge-1", {.canonical = false, .sets = {set}}));
      if (text.empty()) {
        CHECK_FALSE(std::filesystem::exists(test::test_path("golden") / golden));
      } else {
        CHECK(test::is_golden(golden, text));
      }
    }
  }
}

TEST_CASE("a set for accelerators says nothing of a node without any") {
  Batch host;
  add_host(host);
  for (const NameSet* set : all_name_sets()) {
    if (set->only_with.empty()) continue;
    INFO(set->name);
    CHECK(rename_samples(host.samples(), "edge-1", {.canonical = false, .sets = {set}}).empty());
  }
}
