#include "edge/collectors/jetson_readings.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "edge/collectors/jetson_software.h"
#include "test/support/support.h"

using namespace godwit;

namespace {

std::vector<std::string> lines(const JetsonReadings& readings, std::size_t max_processes = 10) {
  Batch batch;
  add_jetson_readings(readings, max_processes, batch);
  std::vector<std::string> out;
  for (const auto& sample : batch.samples()) {
    CHECK(std::is_sorted(sample.series.labels.begin(), sample.series.labels.end()));
    out.push_back(format_series(sample.series) + " " + std::to_string(sample.value));
  }
  return out;
}

}  // namespace

TEST_CASE("jetson readings: nothing known gives nothing") { CHECK(lines({}).empty()); }

TEST_CASE("jetson readings: names and labels of every reading") {
  JetsonReadings r;
  r.board = {{"module", "Orin NX"}, {"soc", "tegra234"}};
  r.gpus = {{"Thor", 0.5, 2, 1, 3, true, 10, 20, 40, 5, 6}};
  r.cores = {{0, true, 0.25, 20, 10, 30, "schedutil"}, {1, false, {}, {}, {}, {}, ""}};
  r.engines = {{"NVENC", "NVENC", true, 7, {}, {}}, {"DLA0", "DLA0_CORE", false, {}, {}, 8}};
  r.temperatures = {{"cpu", 41.5, 80, 90}, {"cv0", {}, {}, {}}};
  r.rails = {{"VDD_IN", 5, 4.9, 1, 3, 4}};
  r.total_watts = 5;
  r.fans = {{"pwmfan", {0.25}, {1800}, "quiet", "cont", ""}};
  r.emc_utilization_ratio = 0.125;
  r.emc_clock_hz = 9;
  r.free_4mib_blocks = 300;
  r.nvpmodel_name = "15W";
  r.nvpmodel_id = 2;
  r.jetson_clocks = false;
  CHECK(
      lines(r) ==
      std::vector<std::string>{
          R"(godwit_board_info{module="Orin NX",soc="tegra234"} 1.000000)",
          R"(godwit_nvpmodel_info{id="2",mode="15W"} 1.000000)",
          "godwit_jetson_clocks_enabled 0.000000",
          R"(hw_gpu_info{hw_id="Thor",hw_model="Orin NX",hw_name="Thor",hw_type="gpu"} 1.000000)",
          R"(hw_gpu_utilization_ratio{hw_id="Thor",hw_type="gpu"} 0.500000)",
          R"(hw_gpu_memory_usage_bytes{hw_id="Thor",hw_type="gpu"} 10.000000)",
          R"(hw_gpu_memory_limit_bytes{hw_id="Thor",hw_type="gpu"} 20.000000)",
          R"(godwit_clock_hertz{hw_id="Thor",hw_type="gpu"} 2.000000)",
          R"(godwit_clock_limit_hertz{hw_id="Thor",hw_type="gpu",limit="min"} 1.000000)",
          R"(godwit_clock_limit_hertz{hw_id="Thor",hw_type="gpu",limit="max"} 3.000000)",
          R"(godwit_gpu_railgate_enabled{hw_id="Thor",hw_type="gpu"} 1.000000)",
          R"(hw_temperature_celsius{hw_id="Thor",hw_type="gpu"} 40.000000)",
          R"(hw_power_watts{hw_id="Thor",hw_type="gpu"} 5.000000)",
          R"(godwit_power_limit_watts{hw_id="Thor",hw_type="gpu"} 6.000000)",
          R"(godwit_cpu_online{cpu="0"} 1.000000)",
          R"(godwit_cpu_utilization_ratio{cpu="0"} 0.250000)",
          R"(hw_cpu_speed_hertz{hw_id="cpu0",hw_type="cpu"} 20.000000)",
          R"(godwit_clock_limit_hertz{hw_id="cpu0",hw_type="cpu",limit="min"} 10.000000)",
          R"(godwit_clock_limit_hertz{hw_id="cpu0",hw_type="cpu",limit="max"} 30.000000)",
          R"(godwit_cpu_governor_info{cpu="0",governor="schedutil"} 1.000000)",
          R"(godwit_cpu_online{cpu="1"} 0.000000)",
          R"(godwit_memory_controller_utilization_ratio{hw_id="emc",hw_type="memory"} 0.125000)",
          R"(godwit_clock_hertz{hw_id="emc",hw_type="memory"} 9.000000)",
          "godwit_memory_free_4mib_blocks 300.000000",
          R"(godwit_engine_online{hw_id="NVENC",hw_type="engine"} 1.000000)",
          R"(godwit_clock_hertz{hw_id="NVENC",hw_type="engine"} 7.000000)",
          R"(godwit_engine_online{hw_id="DLA0_CORE",hw_parent="DLA0",hw_type="engine"} 0.000000)",
          R"(godwit_clock_limit_hertz{hw_id="DLA0_CORE",hw_parent="DLA0",hw_type="engine",limit="max"} 8.000000)",
          R"(hw_temperature_celsius{hw_id="cpu",hw_type="temperature"} 41.500000)",
          R"(hw_temperature_limit_celsius{hw_id="cpu",hw_limit_type="high.degraded",hw_type="temperature"} 80.000000)",
          R"(hw_temperature_limit_celsius{hw_id="cpu",hw_limit_type="high.critical",hw_type="temperature"} 90.000000)",
          R"(hw_power_watts{hw_id="VDD_IN",hw_type="power_rail"} 5.000000)",
          R"(hw_voltage_volts{hw_id="VDD_IN",hw_type="power_rail"} 4.900000)",
          R"(godwit_current_amperes{hw_id="VDD_IN",hw_type="power_rail"} 1.000000)",
          R"(godwit_current_limit_amperes{hw_id="VDD_IN",hw_type="power_rail",limit="warning"} 3.000000)",
          R"(godwit_current_limit_amperes{hw_id="VDD_IN",hw_type="power_rail",limit="critical"} 4.000000)",
          "hw_host_power_watts 5.000000",
          R"(hw_fan_speed_ratio{hw_id="pwmfan",hw_type="fan"} 0.250000)",
          R"(hw_fan_speed_rpm{hw_id="pwmfan",hw_type="fan"} 1800.000000)",
          R"(godwit_fan_info{governor="cont",hw_id="pwmfan",hw_type="fan",profile="quiet"} 1.000000)",
      });
}

TEST_CASE("jetson readings: several motors of one fan are told apart by their index") {
  JetsonReadings r;
  r.fans = {{"pwmfan", {0.25, 0.5}, {1800}, "", "", ""}};
  CHECK(lines(r) == std::vector<std::string>{
                        R"(hw_fan_speed_ratio{hw_id="pwmfan0",hw_type="fan"} 0.250000)",
                        R"(hw_fan_speed_ratio{hw_id="pwmfan1",hw_type="fan"} 0.500000)",
                        R"(hw_fan_speed_rpm{hw_id="pwmfan0",hw_type="fan"} 1800.000000)",
                    });
}

TEST_CASE("jetson readings: only the processes with the most memory, all of them counted") {
  JetsonReadings r;
  r.processes = {{10, "small", "root", "", 1},
                 {9, "unknown", "root", "", {}},
                 {8, "big", "root", "Graphic", 3},
                 {7, "tie", "", "", 3}};
  CHECK(
      lines(r, 2) ==
      std::vector<std::string>{
          R"(godwit_accelerator_processes{hw_id="gpu",hw_type="gpu"} 4.000000)",
          R"(godwit_accelerator_process_memory_bytes{hw_id="gpu",hw_type="gpu",pid="7",process="tie"} 3.000000)",
          R"(godwit_accelerator_process_memory_bytes{hw_id="gpu",hw_type="gpu",pid="8",process="big",type="Graphic",user="root"} 3.000000)",
      });
  r.processes->clear();
  CHECK(lines(r) == std::vector<std::string>{
                        R"(godwit_accelerator_processes{hw_id="gpu",hw_type="gpu"} 0.000000)"});
}

TEST_CASE("jetson readings: energy of rails and of a GPU that tells its power") {
  JetsonReadings r;
  r.gpus.resize(2);
  r.gpus[0].name = "Thor";
  r.gpus[0].power_w = 5;
  r.rails = {{"VDD_IN", 10, {}, {}, {}, {}}, {"VDD_SOC", {}, 5, {}, {}, {}}};
  EnergyMeter meter;
  Batch batch;
  add_jetson_energy(r, meter, 1000, batch);
  r.rails[0].watts = 20;
  batch.clear();
  add_jetson_energy(r, meter, 2000, batch);
  REQUIRE(batch.size() == 2);
  CHECK(format_series(batch.samples()[0].series) ==
        R"(hw_energy_joules_total{hw_id="Thor",hw_type="gpu"})");
  CHECK(batch.samples()[0].value == 5);
  CHECK(format_series(batch.samples()[1].series) ==
        R"(hw_energy_joules_total{hw_id="VDD_IN",hw_type="power_rail"})");
  CHECK(batch.samples()[1].value == 15);
}

TEST_CASE("a Jetson's software: JetPack by the release, the newest CUDA that is installed") {
  using Board = std::map<std::string, std::string>;
  Board board = {{"l4t", "36.4.3"}};
  add_software("12.6", board);
  CHECK(board == Board{{"cuda_version", "12.6"}, {"jetpack", "6.2"}, {"l4t", "36.4.3"}});
  // What the jtop service says counts; what nobody knows is not there.
  board = {{"l4t", "35.4.1"}, {"jetpack", "5.1.2-b104"}};
  add_software("", board);
  CHECK(board == Board{{"jetpack", "5.1.2-b104"}, {"l4t", "35.4.1"}});
  board = {{"l4t", "99.1.0"}};
  add_software("", board);
  CHECK(board == Board{{"l4t", "99.1.0"}});

  const test::TempDir root;
  const Host host(root.path().string());
  CHECK(installed_cuda(host).empty());
  for (const char* name :
       {"bin", "cuda", "cuda-11", "cuda-10.2", "cuda-9.0", "cuda-x.y", "cuda-"}) {
    std::filesystem::create_directories(root.path() / "usr/local" / name);
  }
  CHECK(installed_cuda(host) == "10.2");
  std::filesystem::create_directories(root.path() / "usr/local/cuda-11.4");
  CHECK(installed_cuda(host) == "11.4");
}
