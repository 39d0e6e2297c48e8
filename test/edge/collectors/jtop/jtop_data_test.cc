#include "edge/collectors/jtop/jtop_data.h"

#include <cmath>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "edge/collectors/jtop/jtop.h"
#include "test/support/support.h"

using namespace godwit;
using namespace std::string_literals;

namespace {

std::string payload(std::string_view name) { return test::read_file(test::fixture("jtop") / name); }

nlohmann::json series_of(std::string_view name) {
  const auto text = parse_jtop_file(payload(name));
  REQUIRE(text);
  return nlohmann::json::parse(*text)["series"];
}

void check_series(const nlohmann::json& series, const std::map<std::string, double>& expected) {
  for (const auto& [name, value] : expected) {
    INFO(name);
    REQUIRE(series.contains(name));
    CHECK(series[name].get<double>() == Approx(value));
  }
}

}  // namespace

TEST_CASE("jtop data: Xavier NX, 4.2.7") {
  const auto series = series_of("native_4.2.7_py38/payload/copy-1.pickle");
  check_series(
      series,
      {{R"(hw_gpu_utilization_ratio{hw_id="gv11b",hw_type="gpu"})", 0.429},
       {R"(godwit_clock_hertz{hw_id="gv11b",hw_type="gpu"})", 918e6},
       {R"(godwit_cpu_utilization_ratio{cpu="0"})", 0.45},
       {R"(hw_cpu_speed_hertz{hw_id="cpu0",hw_type="cpu"})", 729.6e6},
       {R"(godwit_cpu_online{cpu="4"})", 0},
       {R"(hw_temperature_celsius{hw_id="CPU",hw_type="temperature"})", 45.125},
       {R"(hw_power_watts{hw_id="VDD_IN",hw_type="power_rail"})", 6.604},
       {R"(hw_voltage_volts{hw_id="VDD_SOC",hw_type="power_rail"})", 4.928},
       {"hw_host_power_watts", 6.604},
       {R"(hw_fan_speed_ratio{hw_id="pwmfan",hw_type="fan"})", 0.345098},
       {R"(hw_fan_speed_rpm{hw_id="pwmfan",hw_type="fan"})", 1864},
       {R"(godwit_memory_controller_utilization_ratio{hw_id="emc",hw_type="memory"})", 0.26},
       {R"(godwit_clock_hertz{hw_id="emc",hw_type="memory"})", 1.6e9},
       {R"(godwit_engine_online{hw_id="APE",hw_type="engine"})", 1},
       {R"(godwit_clock_hertz{hw_id="DLA0_CORE",hw_parent="DLA0",hw_type="engine"})", 1.1008e9},
       {"godwit_memory_free_4mib_blocks", 535},
       {R"(godwit_nvpmodel_info{id="1",mode="MODE_15W_4CORE"})", 1},
       {"godwit_jetson_clocks_enabled", 0},
       {R"(godwit_accelerator_processes{hw_id="gv11b",hw_type="gpu"})", 3},
       {R"(godwit_accelerator_process_memory_bytes{hw_id="gv11b",hw_type="gpu",pid="980",process="python3",type="Graphic",user="root"})",
        412340 * 1024.0},
       {R"(hw_gpu_memory_usage_bytes{hw_id="gv11b",hw_type="gpu"})", 812340 * 1024.0}});
  CHECK_FALSE(series.contains(R"(godwit_cpu_utilization_ratio{cpu="4"})"));
}

TEST_CASE("jtop data: Orin NX, 7.2.0: sensors that are off have no temperature, limits are told") {
  const auto series = series_of("native_7.2.0_py312/payload/copy-1.pickle");
  check_series(
      series,
      {{R"(hw_temperature_celsius{hw_id="nvmeComposite",hw_type="temperature"})", 39.85},
       {R"(hw_temperature_limit_celsius{hw_id="nvmeComposite",hw_limit_type="high.critical",hw_type="temperature"})",
        87.85},
       {R"(hw_temperature_limit_celsius{hw_id="nvmeComposite",hw_limit_type="high.degraded",hw_type="temperature"})",
        83.85}});
  CHECK_FALSE(series.contains(R"(hw_temperature_celsius{hw_id="cv0",hw_type="temperature"})"));
}

TEST_CASE("jtop data: 4.1.5 with its older names and units") {
  const auto series = series_of("xavier-nx_4.1.5_py38_full/payload/copy-1.pickle");
  check_series(
      series,
      {{R"(godwit_cpu_utilization_ratio{cpu="0"})", 0.12},
       {R"(hw_cpu_speed_hertz{hw_id="cpu0",hw_type="cpu"})", 1.19e9},
       {R"(godwit_cpu_online{cpu="4"})", 0},
       {R"(hw_gpu_utilization_ratio{hw_id="gpu",hw_type="gpu"})", 0.24},
       {R"(godwit_clock_limit_hertz{hw_id="gpu",hw_type="gpu",limit="max"})", 921.6e6},
       {"hw_host_power_watts", 4.936},  // not 7.162: that counts IN and its parts
       {R"(godwit_clock_hertz{hw_id="NVENC",hw_type="engine"})", 729e6},
       {"godwit_memory_free_4mib_blocks", 758},
       {R"(godwit_nvpmodel_info{id="0",mode="MAXTEST"})", 1},
       {R"(godwit_accelerator_process_memory_bytes{hw_id="gpu",hw_type="gpu",pid="2444",process="python3"})",
        412340 * 1024.0}});
}

TEST_CASE("jtop data: the board, and never its serial number") {
  const auto pickle = Pickle::decode(payload("native_4.2.7_py38/payload/init.pickle"));
  REQUIRE(pickle);
  const JtopInit init = parse_jtop_init(pickle->root().at(1)["init"]);
  CHECK(init.version == "4.2.7");
  CHECK(init.interval_s == 1.0);
  CHECK(init.board ==
        std::map<std::string, std::string>{{"model", "NVIDIA Jetson Xavier NX Developer Kit"},
                                           {"module", "NVIDIA Jetson Xavier NX (Developer kit)"},
                                           {"soc", "tegra194"},
                                           {"l4t", "35.4.1"},
                                           {"jetpack", "5.1.2"},
                                           {"cuda_arch_bin", "7.2"},
                                           {"codename", "Jakku"},
                                           {"p_number", "p3668-0000"},
                                           {"part_number", "699-13668-0000-300 B.0"}});
}

TEST_CASE("jtop data: every recorded payload gives finite values and clean labels") {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::fixture("jtop"))) {
    if (entry.path().extension() != ".pickle") continue;
    INFO(entry.path());
    const auto pickle = Pickle::decode(test::read_file(entry.path()));
    REQUIRE(pickle);
    Batch batch;
    add_jetson_readings(parse_jtop_data(pickle->root().at(1)), 10, batch);
    if (entry.path().filename().string().starts_with("copy-0")) CHECK(batch.size() > 50);
    for (const auto& sample : batch.samples()) CHECK(std::isfinite(sample.value));
  }
}

TEST_CASE("jtop data: None, missing keys and wrong types are no readings") {
  // {"cpu": {"cpu": [None, {"online": "yes", "idle": None}]}, "gpu": None, "mem": {"RAM": []},
  //  "temperature": {"tj": None}, "power": {"tot": None}, "nvp": {"model": None}, "processes":
  //  [[]]}
  const std::string bytes =
      "\x80\x02}(U\x03"
      "cpu}U\x03"
      "cpu](N}(U\x06onlineU\x03yesU\x04idleNuesU\x03gpuNU\x03mem}U\x03RAM]s"
      "U\x0btemperature}U\x02tjNsU\x05power}U\x03totNsU\x03nvp}U\x05modelNsU\x09processes]]au."s;
  const auto pickle = Pickle::decode(bytes);
  REQUIRE(pickle);
  Batch batch;
  add_jetson_readings(parse_jtop_data(pickle->root()), 10, batch);
  REQUIRE(batch.size() == 1);
  CHECK(batch.samples()[0].series.name == "godwit_accelerator_processes");
  CHECK(batch.samples()[0].value == 0);
}

TEST_CASE("jtop data: a GPU clock below 10,000 is in MHz") {
  const auto pickle = Pickle::decode(
      "\x80\x02](M\x27\x06J\x98\x08\x18\x00"
      "e."s);
  REQUIRE(pickle);
  CHECK(gpu_hertz(pickle->root().at(0)) == 1575e6);
  CHECK(gpu_hertz(pickle->root().at(1)) == 1575064e3);
}

TEST_CASE("jtop data: foreign text becomes a clean label") {
  const auto text = [](const std::string& raw) {
    const auto pickle = Pickle::decode(pickle_document(pickle_text(raw)));
    REQUIRE(pickle);
    return label_text(pickle->root());
  };
  CHECK(text("  a\nb ") == "a b");
  CHECK(text("\xed\xa0\x80") == R"("\xed\xa0\x80")");
  CHECK(text(std::string(127, 'x') + "\xc3\xa4") == std::string(127, 'x'));
}
