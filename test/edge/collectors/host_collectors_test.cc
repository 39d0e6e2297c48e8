// The parsers on texts, sound and broken, and the collectors on a whole tree (fixtures/host) and on
// an empty one. node_exporter_test.cc compares the same with the real node_exporter.
#include "edge/collectors/host_collectors.h"

#include <cstdio>
#include <ctime>
#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/exposition.h"

using namespace godwit;

namespace {

std::map<std::string, double> values(const Batch& batch) {
  std::map<std::string, double> out;
  for (const auto& sample : batch.samples()) out[format_series(sample.series)] = sample.value;
  return out;
}

Clock fixed_clock() {
  return [] { return TimePoint{1'700'000'000'123, 5000}; };
}

const CollectorSpec& spec(std::string_view name) {
  for (const auto& entry : collector_registry()) {
    if (entry.name == name) return entry;
  }
  throw std::runtime_error("no collector " + std::string(name));
}

constexpr std::string_view host_collectors[] = {"cpu",     "memory",   "load",      "disk",
                                                "network", "pressure", "thermal",   "hwmon",
                                                "uname",   "boottime", "filesystem"};

}  // namespace

TEST_CASE("cpu: a counter never steps back, but a restarted CPU counts anew") {
  CpuHistory history;
  Batch out;
  REQUIRE(parse_stat("cpu0 100 0 0 1000 50 0 0 0 0 0\n", history, out).ok());
  out.clear();
  REQUIRE(parse_stat("cpu0 101 0 0 999 40 0 0 0 0 0\n", history, out).ok());
  auto now = values(out);
  CHECK(now["node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}"] == 1.01);
  CHECK(now["node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}"] == 10);
  CHECK(now["node_cpu_seconds_total{cpu=\"0\",mode=\"iowait\"}"] == 0.5);
  out.clear();
  REQUIRE(parse_stat("cpu0 1 0 0 2 0 0 0 0 0 0\n", history, out).ok());
  now = values(out);
  CHECK(now["node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}"] == 0.01);
  CHECK(now["node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}"] == 0.02);
}

TEST_CASE("cpu: what cannot be read is named, the rest is kept") {
  CpuHistory history;
  Batch out;
  const Status status =
      parse_stat("cpu0 1 2 3 4\ncpu99999 1 2 3 4\ncpu1 1 x\nctxt 7\nintr\n", history, out);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::invalid);
  CHECK(status.error().message.find("cpu99999") != std::string::npos);
  const auto now = values(out);
  CHECK(now.count("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}") == 1);
  CHECK(now.count("node_cpu_seconds_total{cpu=\"1\",mode=\"user\"}") == 0);
  CHECK(now.at("node_context_switches_total") == 7);
  CHECK(history.size() == 1);
}

TEST_CASE("memory: kB become bytes, counts stay, brackets become underscores") {
  Batch out;
  REQUIRE(parse_meminfo("Active(anon):  3 kB\nHugePages_Total:  5\n", out).ok());
  CHECK(values(out) == std::map<std::string, double>{{"node_memory_Active_anon_bytes", 3072},
                                                     {"node_memory_HugePages_Total", 5}});
  CHECK_FALSE(parse_meminfo("MemTotal: many kB\n", out).ok());
  CHECK_FALSE(parse_meminfo(std::string(5000, 'A') + ": 1 kB\n", out).ok());
}

TEST_CASE("load: three numbers or nothing") {
  Batch out;
  REQUIRE(parse_loadavg("0.10 0.20 0.30 1/2 3\n", out).ok());
  CHECK(values(out)["node_load15"] == 0.3);
  Batch none;
  CHECK_FALSE(parse_loadavg("0.10 0.20\n", none).ok());
  CHECK_FALSE(parse_loadavg("", none).ok());
  CHECK_FALSE(parse_file_nr("12\n", none).ok());
  CHECK(none.empty());
}

TEST_CASE("disk: whole disks only") {
  for (const char* disk :
       {"sda", "vdb", "nvme0n1", "mmcblk0", "mmcblk0boot0", "dm-0", "md0", "sr0"}) {
    CHECK(is_reported_disk(disk));
  }
  for (const char* part :
       {"sda1", "xvda2", "hdc3", "nvme0n1p1", "mmcblk0p12", "loop7", "ram0", "zram3", "fd0"}) {
    CHECK_FALSE(is_reported_disk(part));
  }
  Batch out;
  CHECK_FALSE(parse_diskstats("8 0 sda 1 2 three\n", out).ok());
  CHECK(out.size() == 2);
  CHECK_FALSE(parse_diskstats("8 0 sd\xff 1 2 3\n", out).ok());
  CHECK(out.size() == 2);
}

TEST_CASE("filesystem: local mounts, what hides others wins") {
  const auto mounts = parse_mounts(
      "/dev/a / ext4 rw 0 0\n/dev/b /x\\040y ext4 ro,noatime 0 0\n/dev/c / xfs rw 0 0\n"
      "n:/e /n nfs rw 0 0\nx /f fuse.rclone rw 0 0\nt /run/lock tmpfs rw 0 0\nt /runner tmpfs rw 0 "
      "0\n"
      "cut /line\n");
  CHECK(mounts == std::vector<Mount>{{"/dev/b", "/x y", "ext4", true},
                                     {"/dev/c", "/", "xfs", false},
                                     {"t", "/runner", "tmpfs", false}});
}

TEST_CASE("network: broken lines are named, pods' ends left out") {
  Batch out;
  const std::string head = "Inter-|\n face |\n";
  CHECK_FALSE(parse_net_dev(head + "eth0: 1 2 3\n", out).ok());
  CHECK(out.size() == 3);
  out.clear();
  CHECK(parse_net_dev(head + "veth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", out).ok());
  CHECK(out.empty());
  CHECK_FALSE(is_reported_interface("0123456789abcde"));
  CHECK(is_reported_interface("enp0s31f6"));
  CHECK_FALSE(parse_sockstat("TCP: in-use 3\n", out).ok());
  CHECK_FALSE(parse_snmp("Tcp: CurrEstab\nUdp: 3\n", out).ok());
  CHECK(out.empty());
}

TEST_CASE("pressure: some waits, full stalls") {
  Batch out;
  REQUIRE(parse_pressure("some avg10=0 avg60=0 avg300=0 total=1500000\n"
                         "full avg10=0 avg60=0 avg300=0 total=500000\n",
                         "io", out)
              .ok());
  CHECK(values(out) ==
        std::map<std::string, double>{{"node_pressure_io_waiting_seconds_total", 1.5},
                                      {"node_pressure_io_stalled_seconds_total", 0.5}});
  CHECK_FALSE(parse_pressure("some total=x\n", "io", out).ok());
}

TEST_CASE("uname: os-release is read as a shell would") {
  Batch out;
  REQUIRE(parse_os_release("# c\nNAME=\"My \\\"OS\\\"\"\nID='x'\nVERSION_ID=12.3.4\n", out).ok());
  const auto now = values(out);
  CHECK(now.count("node_os_info{id=\"x\",name=\"My \\\"OS\\\"\",version_id=\"12.3.4\"}") == 1);
  CHECK(now.at("node_os_version{id=\"x\",name=\"My \\\"OS\\\"\"}") == 12.3);
  CHECK_FALSE(parse_os_release("nothing here\n", out).ok());
  CHECK_FALSE(parse_boot_time("btime soon\n").ok());
}

TEST_CASE("host collectors: the whole tree gives the golden readings") {
  const Host host(test::fixture("host").string(), fixed_clock());
  Batch out;
  for (const auto name : host_collectors) {
    INFO(name);
    if (name == "filesystem") continue;  // sizes are those of the disk the test runs on
    const auto collector = spec(name).make(host, spec(name).defaults);
    const Status status = collector->collect(out);
    INFO((status.ok() ? "" : status.error().message));
    CHECK(status.ok());
  }
  CHECK(test::is_golden("host/host.prom", expose(out.samples())));
}

TEST_CASE("host collectors: a machine without the files has no data, and is not at fault") {
  const test::TempDir empty;
  const Host host(empty.path().string(), fixed_clock());
  for (const auto name : host_collectors) {
    INFO(name);
    Batch out;
    const auto collector = spec(name).make(host, spec(name).defaults);
    const Status status = collector->collect(out);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::no_data);
    CHECK(status.error().message.find(empty.path().string()) != std::string::npos);
  }
}

TEST_CASE("host collectors: garbage in every file is an error with its place, never more") {
  const test::TempDir tree;
  for (const char* file : {"proc/stat", "proc/meminfo", "proc/loadavg", "proc/diskstats",
                           "proc/net/dev", "proc/pressure/io"}) {
    test::write_file(tree.path() / file, "some \x01\xff garbage 12\n\n:::\ncpu7 a\nx\n");
  }
  const Host host(tree.path().string(), fixed_clock());
  for (const char* name : {"cpu", "memory", "load", "disk", "network", "pressure", "boottime"}) {
    INFO(name);
    Batch out;
    const auto collector = spec(name).make(host, spec(name).defaults);
    const Status status = collector->collect(out);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::invalid);
    CHECK(status.error().message.find('\xff') == std::string::npos);
  }
}

TEST_CASE("network: a new link state is seen at once, its facts with it") {
  const test::TempDir tree;
  test::write_file(tree.path() / "proc/net/dev", "Inter-|\n face |\n");
  const auto link = tree.path() / "sys/class/net/eth0";
  test::write_file(link / "operstate", "down\n");
  test::write_file(link / "speed", "-1\n");
  const Host host(tree.path().string(), fixed_clock());
  const auto collector = make_network(host, {});
  Batch out;
  REQUIRE(collector->collect(out).ok());
  CHECK(values(out)["node_network_up{device=\"eth0\"}"] == 0);
  CHECK(values(out).count("node_network_speed_bytes{device=\"eth0\"}") == 0);
  test::write_file(link / "operstate", "up\n");
  test::write_file(link / "speed", "2500\n");
  out.clear();
  REQUIRE(collector->collect(out).ok());
  CHECK(values(out)["node_network_up{device=\"eth0\"}"] == 1);
  CHECK(values(out)["node_network_speed_bytes{device=\"eth0\"}"] == 312'500'000);
}

// Hidden: run with `host_collectors_test "[.bench]"`. What reading this machine once a second
// costs.
TEST_CASE("host collectors: CPU time of a round", "[.bench]") {
  std::int64_t boot_ms = 0;
  const Host host("/", [&boot_ms] { return TimePoint{1'700'000'000'000 + boot_ms, boot_ms}; });
  constexpr int rounds = 500;
  std::size_t total_samples = 0;
  double total_us = 0;
  for (const auto name : host_collectors) {
    const auto collector = spec(name).make(host, spec(name).defaults);
    const std::int64_t step = spec(name).defaults.interval.count();
    std::size_t samples = 0;
    const std::clock_t begin = std::clock();
    for (int round = 0; round < rounds; ++round) {
      Batch out;
      boot_ms += step;
      static_cast<void>(collector->collect(out));
      samples += out.size();
    }
    const double us = static_cast<double>(std::clock() - begin) * 1e6 / CLOCKS_PER_SEC;
    std::printf("%-10s %5.0f samples %8.1f us a round\n", std::string(name).c_str(),
                static_cast<double>(samples) / rounds, us / rounds);
    total_samples += samples;
    total_us += us;
  }
  REQUIRE(total_samples > 0);
  std::printf("all        %5.0f samples %8.1f us a round, %.2f us a sample\n",
              static_cast<double>(total_samples) / rounds, total_us / rounds,
              total_us / static_cast<double>(total_samples));
}
