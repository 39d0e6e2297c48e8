// Every name set on every board, as golden/naming/<set>/<board>.prom: what the boards' captured
// readings become under each set.
#include <algorithm>
#include <filesystem>

#include <catch2/catch.hpp>

#include "edge/collectors/jetson_readings.h"
#include "edge/collectors/jtop/jtop_data.h"
#include "edge/collectors/npu_smi/parse.h"
#include "edge/collectors/npu_smi/series.h"
#include "edge/collectors/nvidia_smi/query.h"
#include "edge/collectors/nvidia_smi/series.h"
#include "edge/health.h"
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
  EnergyMeter energy;
  Batch before;
  add_jetson_energy(readings, energy, 0, before);
  add_jetson_energy(readings, energy, 10'000, out);
  return out;
}

Batch of_npu(const char* capture) {
  const auto table = npu_smi::parse_info_table(test::read_file(test::fixture("npu-smi") / capture));
  REQUIRE(table);
  Batch out;
  npu_smi::add_series(*table, {}, max_processes, out);
  return out;
}

std::string of_nvidia_smi(const char* name) {
  return test::read_file(test::fixture("nvidia-smi") / name);
}

nvidia_smi::Rows nvidia_gpus(const std::string& csv) {
  const auto columns = nvidia_smi::parse_fields(of_nvidia_smi("help-query-gpu-590.txt"));
  REQUIRE(columns);
  return nvidia_smi::parse_gpus(csv, *columns);
}

// What the collectors read of two discrete GPUs, the second of which serves a pod.
Batch of_nvidia() {
  const auto rows = nvidia_gpus(of_nvidia_smi("two-gpus-one-hot.csv"));
  EnergyMeter energy;
  Batch out;
  nvidia_smi::add_gpus(rows.gpus, energy, 0, out);
  out.clear();
  nvidia_smi::add_gpus(rows.gpus, energy, 10'000, out);
  const auto processes = nvidia_smi::parse_processes(of_nvidia_smi("compute-apps.csv"));
  nvidia_smi::add_processes(rows.gpus, processes, max_processes, out);
  out.add("hw_errors_total",
          {{"hw_id", "0000:81:00"}, {"hw_type", "gpu"}, {"error_type", "xid_31"}}, 2);
  out.add("godwit_gpu_last_xid", {{"hw_id", "0000:01:00"}, {"hw_type", "gpu"}, {"xid", "0"}}, 0);
  out.add("godwit_gpu_last_xid", {{"hw_id", "0000:81:00"}, {"hw_type", "gpu"}, {"xid", "31"}}, 31);
  out.add("godwit_accelerator_pod_info",
          {{"hw_id", "0000:81:00"},
           {"hw_type", "gpu"},
           {"namespace", "vision"},
           {"pod", "detect-7d4f"},
           {"container", "model"}},
          1, Kind::info);
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

// As the agent judges what stays so for a minute.
void add_health(std::string_view collector, Batch& readings) {
  Health health{HealthSettings{}};
  Batch judged;
  for (const std::int64_t ms : {0, 30'000, 60'000}) {
    Batch again = readings;
    health.observe(collector, {}, again, {ms, ms});
    if (ms == 60'000) readings = std::move(again);
    judged = health.take_series({ms, ms});
  }
  readings.append(std::move(judged));
}

}  // namespace

TEST_CASE("every name set on every board") {
  std::map<std::string, Batch> boards;
  boards["xavier-nx"] = of_jetson(jetson("xavier-nx_4.2.7_py38_full"));
  boards["orin-nx"] = of_jetson(jetson("orin-nx_4.3.1_py310_full"));
  boards["agx-orin"] = of_jetson(agx_orin());
  boards["discrete-gpu"] = of_nvidia();
  boards["ascend-310p"] = of_npu("310P/15-info-4duo-hugepages-procs-25.3.rc1.txt");
  boards["ascend-910b"] = of_npu("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt");
  boards["ascend-910b"].add_info("godwit_accelerator_pod_info", {{"hw_id", "3-0"},
                                                                 {"hw_type", "npu"},
                                                                 {"namespace", "train"},
                                                                 {"pod", "llm-0"},
                                                                 {"container", "worker"}});
  for (auto& [board, readings] : boards) {
    const bool is_ascend = board.starts_with("ascend");
    add_health(is_ascend ? "npu_smi" : board == "discrete-gpu" ? "nvidia_smi" : "jtop", readings);
    add_host(readings);
    for (const NameSet* set : all_name_sets()) {
      if (set->name == "dcgm_hostname") continue;  // dcgm, but for a letter
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

TEST_CASE("node_problem_detector: a reason that two types share counts once") {
  Batch problems;
  problems.add("godwit_problem", {{"type", "GPUHung"}, {"reason", "GPUHung"}}, 1);
  problems.add("godwit_problems_total", {{"type", "GPUHealthy"}, {"reason", "GPUHung"}}, 2);
  problems.add("godwit_problems_total", {{"type", "GPUHung"}, {"reason", "GPUHung"}}, 2);
  const auto named =
      rename_samples(problems.samples(), "edge-1", *parse_naming({"node_problem_detector"}));
  CHECK(expose(named).find("\nproblem_counter{reason=\"GPUHung\"} 2\n") != std::string::npos);
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

TEST_CASE("dcgm_hostname is dcgm with another label") {
  const auto named = [](std::string_view set) {
    return rename_samples(of_nvidia().samples(), "edge-1", *parse_naming({std::string(set)}));
  };
  auto expected = named("dcgm");
  for (auto& [series, value] : expected) {
    const auto label = std::find_if(series.labels.begin(), series.labels.end(),
                                    [](const Label& l) { return l.name == "Hostname"; });
    REQUIRE(label != series.labels.end());
    label->name = "hostname";
    std::sort(series.labels.begin(), series.labels.end());
  }
  CHECK(expose(named("dcgm_hostname")) == expose(expected));
}

TEST_CASE("DCGM's sentinels for no value are no readings") {
  // Blank, not found, not supported, not permissioned: as int32, int64, fp64 and text.
  std::vector<std::string> sentinels = {"<<<NULL>>>", "<<<NOT_FOUND>>>", "<<<NOT_SUPPORTED>>>",
                                        "<<<NOT_PERM>>>", "<<<NOT_PERMISSIONED>>>"};
  for (int i = 0; i < 4; ++i) {
    sentinels.push_back(concat("214748363", 2 + i));
    sentinels.push_back(concat("922337203685477579", 2 + i));
    sentinels.push_back(concat("14073748835532", 8 + i, ".0"));
  }
  const std::string csv_of_one = of_nvidia_smi("rtx-2080-super.csv");
  const auto whole = split(csv_of_one, ',');
  const Naming dcgm = *parse_naming({"dcgm"});
  const auto series_of = [&](std::string_view cell, std::size_t keep) {
    std::string csv;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      csv += concat(i == 0 ? "" : ",", i < keep ? whole[i] : cell);
    }
    EnergyMeter energy;
    Batch out;
    nvidia_smi::add_gpus(nvidia_gpus(csv).gpus, energy, 0, out);
    return rename_samples(out.samples(), "edge-1", dcgm);
  };
  constexpr std::size_t identity = 6;  // index, UUID, name, address, versions
  CHECK(series_of("1", identity).size() > 30);
  for (const auto& sentinel : sentinels) {
    INFO(sentinel);
    CHECK(series_of(sentinel, identity).empty());
    // Nor are they labels.
    CHECK(expose(series_of(sentinel, 1)).find(sentinel) == std::string::npos);
  }
}
