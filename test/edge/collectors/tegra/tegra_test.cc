// The Jetson reader on whole trees of five boards (peers/jetson-emulation/mktree.py makes them, the
// readings are in golden/tegra) and on small trees of what those boards do not show.
#include "edge/collectors/tegra/tegra.h"

#include <filesystem>
#include <map>

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/support/support.h"
#include "transport/exposition.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

using namespace godwit;
using test::write_file;

namespace {

// The emulator's tree, and what the emulator fakes by other means than files.
void make_board(const std::filesystem::path& root, const std::string& board, const char* mode,
                const char* modes) {
  test::ChildProcess maker({"python3", test::test_path("peers/jetson-emulation/mktree.py").string(),
                            board, root.string()},
                           (root / "log").string(), {"GPU_PIDS=101 102 103"});
  const int code = maker.wait(std::chrono::seconds(30));
  INFO(maker.output());
  REQUIRE(code == 0);
  for (const char* file : {"meminfo", "stat", "buddyinfo"}) {
    write_file(root / "proc" / file, test::read_file(root / "run/fakeproc" / file));
  }
  write_file(root / "var/lib/nvpmodel/status", mode);
  write_file(root / "etc/nvpmodel/board.conf", modes);
  std::filesystem::create_symlink("/etc/nvpmodel/board.conf", root / "etc/nvpmodel.conf");
  if (std::filesystem::exists(root / "etc/nvfancontrol.conf")) {
    write_file(root / "var/lib/nvfancontrol/status",
               "FAN1:FAN_PROFILE:quiet\nFAN1:FAN_GOVERNOR:cont\nFAN1:FAN_CONTROL:close_loop\n");
  }
}

void make_tegra_tree(const std::filesystem::path& root) {
  write_file(root / "etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 1\n");
}

CollectorSettings settings() {
  CollectorSettings out;
  out.socket = "/run/jtop.sock";
  return out;
}

std::map<std::string, double> values(const Batch& batch) {
  std::map<std::string, double> out;
  for (const auto& sample : batch.samples()) out[format_series(sample.series)] = sample.value;
  return out;
}

std::map<std::string, double> read_once(const std::filesystem::path& root) {
  const Host host(root.string());
  Batch out;
  const Status status = make_tegra(host, settings())->collect(out);
  INFO((status.ok() ? "" : status.error().message));
  CHECK(status.ok());
  return values(out);
}

// Until the end of the scope root has no more rights than anybody.
class AsNobody {
 public:
  AsNobody() { changed_ = geteuid() == 0 && seteuid(65534) == 0; }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (changed_ && seteuid(0) != 0) std::abort();
  }

 private:
  bool changed_ = false;
};

}  // namespace

TEST_CASE("tegra: every board gives its golden readings") {
  struct Board {
    const char *name, *mode, *modes;
  };
  const auto board = GENERATE(
      values<Board>({{"xavier-nx", "pmode:0001\n",
                      "# comment\n< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >\nCPU_ONLINE CORE_1 1\n"
                      "< POWER_MODEL ID=1 NAME=MODE_15W_4CORE >\n< PM_CONFIG DEFAULT=3 >\n"},
                     {"orin-nx", "pmode:0003\n",
                      "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=3 NAME=25W >\n"},
                     {"orin-nx-jp7", "pmode:0003\n",
                      "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=3 NAME=25W >\n"},
                     {"thor", "pmode:0001\n", "< POWER_MODEL ID=1 NAME=120W >\n"},
                     {"nano", "pmode:0000\n", "< POWER_MODEL ID=0 NAME=MAXN >\n"}}));
  const test::TempDir tree;
  make_board(tree.path(), board.name, board.mode, board.modes);
  const Host host(tree.path().string());
  Batch out;
  REQUIRE(make_tegra(host, settings())->collect(out).ok());
  const std::string text = expose(out.samples());
  CHECK(test::is_golden(concat("tegra/", board.name, ".prom"), text));
  CHECK(text.find("14207") == std::string::npos);  // the serial numbers of the emulated boards
  CHECK(text.find("14217") == std::string::npos);
}

TEST_CASE("tegra: a machine that is no Tegra has no data, and says what was looked for") {
  const test::TempDir tree;
  write_file(tree.path() / "sys/firmware/devicetree/base/compatible",
             std::string("raspberrypi,5-model-b\0brcm,bcm2712\0", 36));
  write_file(tree.path() / "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  const Host host(tree.path().string());
  Batch out;
  const Status status = make_tegra(host, settings())->collect(out);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::no_data);
  CHECK(status.error().message.find("/sys/firmware/devicetree/base/compatible") !=
        std::string::npos);
  CHECK(out.empty());
}

TEST_CASE("tegra: silent while the jtop service answers, and only then") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  std::filesystem::create_directories(tree.path() / "run");
  std::int64_t boot_ms = 1000;
  const Host host(tree.path().string(), [&boot_ms] { return TimePoint{0, boot_ms}; });
  const auto collector = make_tegra(host, settings());
  Batch out;
  CHECK(collector->collect(out).ok());

  UniqueFd service(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = tree.file("run/jtop.sock");
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(bind(service.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(service.get(), 1) == 0);
  boot_ms += 9'000;
  CHECK(collector->collect(out).ok());  // asked at most every 10 s
  boot_ms += 2'000;
  out.clear();
  // More often than its queue is long: a full one is an answer too.
  for (int i = 0; i < 4; ++i, boot_ms += 10'000) {
    const Status silent = collector->collect(out);
    REQUIRE_FALSE(silent.ok());
    CHECK(silent.error().code == ErrorCode::no_data);
    CHECK(silent.error().message.find("the jtop service answers") != std::string::npos);
    CHECK(out.empty());
  }
  // The service ends and leaves its socket file behind.
  service = UniqueFd();
  CHECK(collector->collect(out).ok());
  CHECK_FALSE(out.empty());
}

TEST_CASE("tegra: the board, from texts as Linux has them") {
  const auto board = parse_tegra_board(
      std::string_view("NVIDIA Jetson Orin Nano\0", 24),
      std::string_view("nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0", 64),
      "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n# more\n");
  CHECK(board == std::map<std::string, std::string>{{"model", "NVIDIA Jetson Orin Nano"},
                                                    {"module", "Jetson Orin Nano (developer kit)"},
                                                    {"p_number", "p3767-0005"},
                                                    {"soc", "tegra234"},
                                                    {"cuda_arch_bin", "8.7"},
                                                    {"l4t", "36.4.3"}});
  CHECK(parse_tegra_board("", "", "").empty());
  CHECK(parse_tegra_board("", "nvidia,tegra999", "# R (release), REVISION: 1").size() == 1);
  const auto hostile = parse_tegra_board(std::string(5000, '\xff'), "nvidia,", "# R1 REVISION: ");
  for (const auto& [label, text] : hostile) {
    CHECK(text.size() <= 64);
    CHECK(is_utf8(text));
  }
}

TEST_CASE("tegra: nvpmodel, fan status, buddyinfo, nvmap and engine names are parsed strictly") {
  CHECK(parse_nvpmodel_status("pmode:0008\n") == 8);
  CHECK_FALSE(parse_nvpmodel_status("fmode:quiet\n").has_value());
  CHECK_FALSE(parse_nvpmodel_status("pmode:high\n").has_value());
  CHECK(parse_nvpmodel_modes("< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >\n# < POWER_MODEL\n"
                             "< POWER_MODEL ID=x NAME=BAD >\n< PM_CONFIG DEFAULT=2 >\n") ==
        std::map<std::int64_t, std::string>{{8, "MODE_20W_6CORE"}});
  JetsonFan fan;
  parse_fan_status("FAN1:FAN_PROFILE:cool\nFAN1:FAN_GOVERNOR\n:::\nFAN1:FAN_CONTROL:open_loop\n",
                   fan);
  CHECK(fan.profile == "cool");
  CHECK(fan.governor.empty());
  CHECK(fan.control == "open_loop");
  CHECK(parse_free_4mib_blocks("Node 0, zone DMA 9 9 9 9 9 9 9 9 9 9 122\n"
                               "Node 0, zone Normal 9 9 9 9 9 9 9 9 9 9 13 2\n") == 139);
  CHECK_FALSE(parse_free_4mib_blocks("Node 0, zone DMA 1 2 3\n").has_value());
  const auto clients = parse_nvmap_clients(
      "CLIENT PROCESS PID SIZE\nuser python3 17 100K\nuser python3 17 20K\nuser gone 5 0K\n"
      "user x y zK\ntotal 120K\n");
  REQUIRE(clients.size() == 1);
  CHECK(clients[0].name == "python3");
  CHECK(clients[0].gpu_memory_bytes == 120 * 1024.0);
  CHECK(tegra_engine("pva0_cpu_axi")->group == "PVA0");
  CHECK(tegra_engine("nvjpg1")->group == "NVJPG");
  for (const char* other : {"", "nvenc_emc", "ape.adma", "dla0", "dla0_", "dla2_core", "sensor"}) {
    CHECK_FALSE(tegra_engine(other).has_value());
  }
  CHECK(thermal_zone_name("thermal-fan-est") == "thermal");
  CHECK(thermal_zone_name("Tboard_tegra") == "Tboard");
}

TEST_CASE("tegra: Thor's true input power comes from the INA238") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  const auto chips = tree.path() / "sys/bus/i2c/devices";
  write_file(chips / "2-0044/name", "ina238\n");
  write_file(chips / "2-0044/hwmon/hwmon9/power1_input", "42500000\n");
  write_file(chips / "2-0044/hwmon/hwmon9/in1_input", "20000\n");
  write_file(chips / "2-0044/hwmon/hwmon9/curr1_input", "2125\n");
  write_file(chips / "2-0040/name", "ina3221\n");
  write_file(chips / "2-0040/hwmon/hwmon2/in1_label", "VDD_GPU\n");
  write_file(chips / "2-0040/hwmon/hwmon2/in1_input", "20000\n");
  write_file(chips / "2-0040/hwmon/hwmon2/curr1_input", "500\n");
  write_file(chips / "2-0040/hwmon/hwmon2/in2_label", "NC\n");
  write_file(chips / "2-0040/hwmon/hwmon2/in2_input", "20000\n");
  auto now = read_once(tree.path());
  CHECK(now["hw_host_power_watts"] == Approx(42.5));
  CHECK(now[R"(hw_power_watts{hw_id="VDD_GPU",hw_type="power_rail"})"] == Approx(10));
  CHECK(now.count(R"(hw_voltage_volts{hw_id="NC",hw_type="power_rail"})") == 0);
}

TEST_CASE("tegra: the board's power is a sum of rails only when every rail is known") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  const auto chips = tree.path() / "sys/bus/i2c/devices";
  for (const char* address : {"1-0040", "1-0041"}) {
    write_file(chips / address / "name", "ina3221\n");
    const auto node = chips / address / "hwmon/hwmon1";
    write_file(node / "in1_label", std::string("RAIL_") + address + "\n");
    write_file(node / "in1_input", "5000\n");
    write_file(node / "curr1_input", "1000\n");
  }
  CHECK(read_once(tree.path())["hw_host_power_watts"] == Approx(10));
  write_file(chips / "1-0041/hwmon/hwmon1/curr1_input", "");
  const auto now = read_once(tree.path());
  CHECK(now.count("hw_host_power_watts") == 0);
  CHECK(now.count(R"(hw_power_watts{hw_id="RAIL_1-0040",hw_type="power_rail"})") == 1);
}

TEST_CASE("tegra: JetPack 4 names its rails in an iio folder") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  const auto chip = tree.path() / "sys/bus/i2c/devices/0-0041";
  write_file(chip / "name", "ina3221x\n");
  write_file(chip / "iio:device1/rail_name_0", "VDD_IN\n");
  write_file(chip / "iio:device1/in_voltage0_input", "19072\n");
  write_file(chip / "iio:device1/in_current0_input", "200\n");
  write_file(chip / "iio:device1/in_power0_input", "3814\n");
  write_file(chip / "iio:device1/warn_current_limit_0", "32760 ma\n");
  write_file(chip / "iio:device1/crit_current_limit_0", "unknown\n");
  auto now = read_once(tree.path());
  CHECK(now["hw_host_power_watts"] == Approx(3.814));
  const std::string limit = R"(godwit_current_limit_amperes{hw_id="VDD_IN",hw_type="power_rail")";
  CHECK(now[limit + R"(,limit="warning"})"] == Approx(32.76));
  CHECK(now.count(limit + R"(,limit="critical"})") == 0);
}

TEST_CASE("tegra: thermal limits come from the trip points, the PMIC's constant is left out") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  const auto zones = tree.path() / "sys/class/thermal";
  write_file(zones / "thermal_zone0/type", "tj-thermal\n");
  write_file(zones / "thermal_zone0/temp", "51500\n");
  write_file(zones / "thermal_zone0/trip_point_0_type", "critical\n");
  write_file(zones / "thermal_zone0/trip_point_0_temp", "104500\n");
  write_file(zones / "thermal_zone0/trip_point_1_type", "passive\n");
  write_file(zones / "thermal_zone0/trip_point_1_temp", "99000\n");
  write_file(zones / "thermal_zone0/trip_point_2_type", "active\n");
  write_file(zones / "thermal_zone0/trip_point_2_temp", "35000\n");
  write_file(zones / "thermal_zone1/type", "PMIC-Die\n");
  write_file(zones / "thermal_zone1/temp", "100000\n");
  write_file(zones / "thermal_zone2/type", "tj-other\n");
  write_file(zones / "thermal_zone2/temp", "44000\n");
  auto now = read_once(tree.path());
  CHECK(now[R"(hw_temperature_celsius{hw_id="tj",hw_type="temperature"})"] == Approx(51.5));
  CHECK(now[R"(hw_temperature_celsius{hw_id="tj-other",hw_type="temperature"})"] == Approx(44));
  const std::string limit = R"(hw_temperature_limit_celsius{hw_id="tj",hw_limit_type="high.)";
  CHECK(now[limit + R"(critical",hw_type="temperature"})"] == Approx(104.5));
  CHECK(now[limit + R"(degraded",hw_type="temperature"})"] == Approx(99));
  for (const auto& [series, value] : now) CHECK(series.find("PMIC") == std::string::npos);
}

TEST_CASE("tegra: the use of a core is that of the time between two readings") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  std::filesystem::create_directories(tree.path() / "sys/devices/system/cpu/cpu0");
  const Host host(tree.path().string());
  const auto collector = make_tegra(host, settings());
  const std::string series = R"(godwit_cpu_utilization_ratio{cpu="0"})";
  const auto read = [&](const char* stat) {
    write_file(tree.path() / "proc/stat", stat);
    Batch out;
    REQUIRE(collector->collect(out).ok());
    return values(out);
  };
  CHECK(read("cpu 1 1 1 1\ncpu0 100 0 0 1000 0 0 0 0 50 0\n").count(series) == 0);
  CHECK(read("cpu0 125 0 0 1060 15 0 0 0 75 0\n")[series] == Approx(0.4));
  CHECK(read("cpu0 1 0 0 2 0 0 0 0 0 0\n").count(series) == 0);  // it counts anew
  CHECK(read("cpu0 many\n").count(series) == 0);
}

TEST_CASE("tegra: what may not be read is not known; the rest is") {
  const test::TempDir tree;
  make_tegra_tree(tree.path());
  REQUIRE(chmod(tree.path().c_str(), 0755) == 0);
  write_file(tree.path() / "sys/kernel/debug/clk/nvenc/clk_rate", "627200000\n");
  write_file(tree.path() / "sys/class/devfreq/154c0000.nvenc/cur_freq", "300000000\n");
  write_file(tree.path() / "sys/class/devfreq/154c0000.nvenc/device/of_node/name", "nvenc");
  write_file(tree.path() / "sys/bus/i2c/devices/1-0040/name", "ina3221\n");
  const auto rail = tree.path() / "sys/bus/i2c/devices/1-0040/hwmon/hwmon1";
  write_file(rail / "in1_label", "VDD_IN\n");
  write_file(rail / "in1_input", "5000\n");
  write_file(rail / "curr1_input", "1000\n");
  REQUIRE(chmod((rail / "curr1_input").c_str(), 0) == 0);
  REQUIRE(chmod((tree.path() / "sys/kernel/debug").c_str(), 0700) == 0);
  const std::string clock = R"(godwit_clock_hertz{hw_id="NVENC",hw_type="engine"})";
  if (geteuid() == 0) CHECK(read_once(tree.path())[clock] == Approx(627.2e6));
  const AsNobody unprivileged;
  auto now = read_once(tree.path());
  CHECK(now[R"(hw_voltage_volts{hw_id="VDD_IN",hw_type="power_rail"})"] == Approx(5));
  CHECK(now.count("hw_host_power_watts") == 0);
  CHECK(now[clock] == Approx(300e6));
}

TEST_CASE("tegra: garbage in every file is no reading and no fault") {
  const test::TempDir tree;
  make_board(tree.path(), "orin-nx", "garbage", "garbage");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree.path())) {
    const std::string name = entry.path().filename();
    const bool tells_what_it_is = name == "name" || name == "type" || name.ends_with("label");
    if (entry.is_regular_file() && !entry.is_symlink() && !tells_what_it_is) {
      write_file(entry.path(), "\xff\x01 99999999999999999999 -\n\n:::\n");
    }
  }
  for (const auto& [series, value] : read_once(tree.path())) {
    INFO(series);
    CHECK((series.starts_with("hw_gpu_info") || series.starts_with("godwit_") || value == 0));
    CHECK(is_utf8(series));
  }
}
