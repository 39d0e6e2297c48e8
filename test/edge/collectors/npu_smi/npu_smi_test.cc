// The collector with small programs in the place of npu-smi: captures, faults, and misbehaviour.
#include "edge/collectors/npu_smi/npu_smi.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using namespace std::chrono_literals;

namespace {

struct Bench {
  test::TempDir dir;
  std::int64_t boot_ms = 1'000'000;
  CollectorSettings settings = npu_smi_defaults();
  std::unique_ptr<Collector> collector;
  Batch batch;

  // Each run adds its arguments to "calls". $F is the folder of the captures.
  explicit Bench(const std::string& script, std::chrono::milliseconds deadline = 15s) {
    settings.command = dir.file("npu-smi");
    settings.deadline = deadline;
    test::write_file(settings.command,
                     concat("#!/bin/sh\nF=", test::fixture("npu-smi").string(), "\necho \"$*\" >> ",
                            dir.file("calls"), "\n", script, "\n"));
    std::filesystem::permissions(settings.command, std::filesystem::perms::owner_all);
    collector = make_npu_smi(Host("/", [this] { return TimePoint{0, boot_ms}; }), settings);
  }

  Status collect() {
    batch.clear();
    return collector->collect(batch);
  }
  [[nodiscard]] std::optional<double> value(const std::string& series) const {
    for (const auto& sample : batch.samples()) {
      if (format_series(sample.series) == series) return sample.value;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(
        std::count_if(batch.samples().begin(), batch.samples().end(),
                      [&](const Sample& sample) { return sample.series.name == name; }));
  }
  [[nodiscard]] std::vector<std::string> calls() const {
    std::vector<std::string> result;
    const std::string text = test::read_file(dir.file("calls"));
    for (const auto line : split_lines(text)) result.emplace_back(line);
    return result;
  }
};

void check_fault(Bench& bench, ErrorCode code, const std::string& reason,
                 const std::string& advice) {
  const auto status = bench.collect();
  REQUIRE_FALSE(status.ok());
  INFO(status.error().message);
  CHECK(status.error().code == code);
  CHECK(status.error().message.find(advice) != std::string::npos);
  CHECK(status.error().message.find('\n') == std::string::npos);
  CHECK(bench.value("godwit_npu_error{reason=\"" + reason + "\"}") == 1.0);
  CHECK(bench.batch.size() == 1);
}

}  // namespace

TEST_CASE("npu_smi: a busy 910B becomes series in base units") {
  Bench bench("cat $F/910B/05*.txt; [ \"$2\" != -m ] || exec cat $F/910B/04*.txt");
  REQUIRE(bench.collect().ok());
  CHECK(bench.value(
            R"(hw_npu_utilization_ratio{hw_id="6-0",hw_npu_task="aicore",hw_type="npu"})") == 0.09);
  CHECK(
      bench.value(R"(hw_npu_memory_usage_bytes{hw_id="7-0",hw_memory_type="hbm",hw_type="npu"})") ==
      60058.0 * 1048576);
  CHECK(
      bench.value(R"(hw_npu_memory_limit_bytes{hw_id="7-0",hw_memory_type="hbm",hw_type="npu"})") ==
      65536.0 * 1048576);
  CHECK(bench.value(R"(hw_power_watts{hw_id="6-0",hw_type="npu"})") == 157.6);
  CHECK(bench.value(R"(hw_temperature_celsius{hw_id="6-0",hw_type="npu"})") == 55);
  CHECK(bench.value(R"(hw_status{hw_id="6-0",hw_state="ok",hw_type="npu"})") == 1);
  CHECK(bench.value(R"(hw_status{hw_id="6-0",hw_state="failed",hw_type="npu"})") == 0);
  CHECK(bench.count("hw_status") == 32);
  CHECK(bench.count("hw_npu_memory_limit_bytes") == 8);  // "0 / 0" of DDR is no memory
  CHECK(bench.count("hw_npu_hugepages_limit") == 0);
  CHECK(bench.value(R"(godwit_accelerator_processes{hw_id="0-0",hw_type="npu"})") == 1);
  CHECK(bench.value(R"(godwit_accelerator_process_memory_bytes{hw_id="0-0",hw_type="npu",)"
                    R"(pid="683932",process="python"})") == 56154.0 * 1048576);
}

TEST_CASE("npu_smi: ids that the table lacks are asked for once, and again when a chip comes") {
  Bench bench(concat("[ \"$2\" = -m ] && exec cat $F/910A/11*.txt; ", "cat $F/910A/01*.txt"));
  REQUIRE(bench.collect().ok());
  const std::string info =
      R"(hw_npu_info{chip="0",hw_bus_id="0000:86:00.0",hw_driver_version="21.0.3.2",hw_id="4-0",)"
      R"(hw_name="910A",hw_type="npu",logic_id="4",npu="4",npu_smi_version="21.0.3.2"})";
  CHECK(bench.value(info) == 1);
  bench.boot_ms += 10'000;
  REQUIRE(bench.collect().ok());
  CHECK(bench.value(info) == 1);
  CHECK(bench.calls() == std::vector<std::string>{"info", "info -m", "info"});
}

TEST_CASE("npu_smi: only the largest processes are reported, all are counted") {
  Bench bench("exec cat $F/A3/08*.txt");
  bench.settings.max_processes = 2;
  bench.collector = make_npu_smi(Host("/"), bench.settings);
  REQUIRE(bench.collect().ok());
  CHECK(bench.count("godwit_accelerator_process_memory_bytes") == 2);
  CHECK(bench.value(R"(godwit_accelerator_processes{hw_id="0-0",hw_type="npu"})") == 2);
  CHECK(bench.value(R"(godwit_accelerator_processes{hw_id="1-0",hw_type="npu"})") == 0);
  CHECK_FALSE(bench.value(R"(godwit_accelerator_processes{hw_id="2-0",hw_type="npu"})"));
  // The first die's row holds the power of the card.
  CHECK(bench.value(R"(hw_power_watts{hw_id="0",hw_type="npu"})") == 171.3);
}

TEST_CASE("npu_smi: Ascend 950 has cards without chips, and a utilization of its own") {
  Bench bench("exec cat $F/950/27*.txt");
  REQUIRE(bench.collect().ok());
  CHECK(bench.value(R"(hw_npu_utilization_ratio{hw_id="7",hw_npu_task="npu",hw_type="npu"})") ==
        0.42);
  CHECK(bench.value(R"(hw_status{hw_id="7",hw_state="degraded",hw_type="npu"})") == 1);
}

TEST_CASE("npu_smi: power that the table lacks comes from the card's own sensor, now and then") {
  Bench bench("[ \"$3\" = common ] && exec cat $F/310P/06*.txt; exec cat $F/310P/09*.txt");
  const std::string power = R"(hw_power_watts{hw_id="5",hw_type="npu"})";
  REQUIRE(bench.collect().ok());
  CHECK(bench.value(power) == 45.2);
  bench.boot_ms += 10'000;
  REQUIRE(bench.collect().ok());
  CHECK(bench.value(power) == 45.2);
  CHECK(bench.calls() == std::vector<std::string>{"info", "info -t common -i 5", "info"});
}

TEST_CASE(
    "npu_smi: the false alarm of boards whose current sensor is silent is told from a fault") {
  const std::string state = R"(hw_status{hw_id="0-0",hw_state="%",hw_type="npu"})";
  const auto in = [&](std::string name) {
    std::string result = state;
    return result.replace(result.find('%'), 1, name);
  };
  Bench sensor(
      "[ \"$3\" = health ] && { echo 'Health : Alarm'; echo 'Error Code : 80E3A203'; exit; }\n"
      "exec cat $F/310B/01*.txt");
  REQUIRE(sensor.collect().ok());
  CHECK(sensor.value(in("degraded")) == 1);
  CHECK(sensor.value(R"(godwit_npu_fault_info{code="80E3A203",hw_id="0-0",hw_type="npu"})") == 1);
  CHECK(sensor.count("hw_power_watts") == 0);  // 0.0 W is no reading
  CHECK(sensor.calls().at(1) == "info -t health -i 0 -c 0");

  Bench fault("[ \"$3\" = health ] && exec cat $F/910A/15*.txt; exec cat $F/310B/01*.txt");
  REQUIRE(fault.collect().ok());
  CHECK(fault.value(in("failed")) == 1);
  CHECK(fault.count("godwit_npu_fault_info") == 3);
}

TEST_CASE("npu_smi: defaults of failed queries are not published") {
  Bench bench(R"(cat <<'END'
| NPU   Name   | Health  | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip         | Bus-Id  | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 0     910B3  | OK      | 90.1        -200              18446744073709551600 / 0    |
| 0            | NA      | 255         0 / 0             70000 / 65536        |
| 1     910B3  | OK      | 0.0         0                 0 / 0                |
| 0            | NA      | 0           0 / 0             0 / 0                |
END)");
  REQUIRE(bench.collect().ok());
  CHECK(bench.count("hw_temperature_celsius") == 0);
  CHECK(bench.count("hw_npu_utilization_ratio") == 0);
  CHECK(bench.count("hw_npu_memory_usage_bytes") == 0);
  CHECK(bench.count("hw_npu_hugepages_used") == 0);
  CHECK(bench.count("hw_power_watts") == 1);
  CHECK(bench.value(R"(hw_status{hw_id="1-0",hw_state="unknown",hw_type="npu"})") == 1);
}

TEST_CASE("npu_smi: each fault has a reason and a line that says what to do") {
  Bench busy("cat $F/errors/04*.txt; exit 172");
  check_fault(busy, ErrorCode::unavailable, "device_busy", "device-share");
  Bench driver("cat $F/errors/07*.txt; exit 187");
  check_fault(driver, ErrorCode::unavailable, "driver", "/dev/davinci_manager");
  Bench library("cat $F/errors/09*.txt >&2; exit 127");
  check_fault(library, ErrorCode::io, "library", "cannot load libc_sec.so");
  Bench none("echo There is no NPU card on this server.");
  check_fault(none, ErrorCode::no_data, "no_device", "no card");
  Bench garbage("head -c 5000 /dev/urandom | tr -d '|'");
  check_fault(garbage, ErrorCode::invalid, "unreadable", "exit status 0");
  Bench silent("exit 3");
  check_fault(silent, ErrorCode::invalid, "unreadable", "exit status 3");
  Bench help("exec cat $F/950/25*.txt");
  check_fault(help, ErrorCode::invalid, "unreadable", "no table");
  Bench endless("exec yes '| 0 | 1 |'");
  check_fault(endless, ErrorCode::invalid, "unreadable", "no end");
}

TEST_CASE("npu_smi: a tool that is not there is no fault and no series") {
  Bench bench("");
  bench.settings.command = bench.dir.file("nothing");
  bench.collector = make_npu_smi(Host("/"), bench.settings);
  const auto status = bench.collect();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::no_data);
  CHECK(bench.batch.empty());
}

TEST_CASE("npu_smi: below another root the tool is looked for there and only there") {
  Bench bench("exec cat $F/A3/01*.txt");
  std::filesystem::create_directories(bench.dir.path() / "usr/local/sbin");
  std::filesystem::rename(bench.dir.file("npu-smi"), bench.dir.file("usr/local/sbin/npu-smi"));
  bench.settings.command = "npu-smi";
  bench.collector = make_npu_smi(Host(bench.dir.path()), bench.settings);
  CHECK(bench.collect().ok());
  CHECK(bench.count("hw_npu_info") == 4);
}

TEST_CASE("npu_smi: a tool that hangs is killed, and left alone for longer each time") {
  Bench bench("exec sleep 600", 300ms);
  check_fault(bench, ErrorCode::timeout, "timeout", "killed");
  for (const std::int64_t pause_ms : {10'000, 20'000, 40'000, 80'000, 160'000, 300'000, 300'000}) {
    const auto before = bench.calls().size();
    bench.boot_ms += pause_ms - 1;
    check_fault(bench, ErrorCode::timeout, "timeout", "killed");
    CHECK(bench.calls().size() == before);
    bench.boot_ms += 1;
    check_fault(bench, ErrorCode::timeout, "timeout", "killed");
    CHECK(bench.calls().size() == before + 1);
  }
}

TEST_CASE("npu_smi: a fault that passes is over at once") {
  Bench bench("[ -e ${0%/*}/good ] && exec cat $F/A3/01*.txt; cat $F/errors/04*.txt; exit 172");
  check_fault(bench, ErrorCode::unavailable, "device_busy", "another container");
  test::write_file(bench.dir.file("good"), "");
  bench.boot_ms += 10'000;
  CHECK(bench.collect().ok());
  CHECK(bench.count("godwit_npu_error") == 0);
}
