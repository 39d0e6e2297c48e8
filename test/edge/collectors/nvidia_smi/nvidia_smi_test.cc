// The collector with small programs in the place of nvidia-smi: answers, faults, misbehaviour.
#include "edge/collectors/nvidia_smi/nvidia_smi.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using namespace std::chrono_literals;

namespace {

struct Bench {
  test::TempDir dir;
  std::int64_t boot_ms = 1'000'000;
  std::unique_ptr<Collector> collector;
  Batch batch;

  // `script` answers --query-gpu. Each run adds a line to "calls".
  explicit Bench(const std::string& script, std::chrono::milliseconds deadline = 10s) {
    CollectorSettings settings = nvidia_smi_defaults();
    settings.command = dir.file("nvidia-smi");
    settings.deadline = deadline;
    test::write_file(settings.command,
                     concat("#!/bin/sh\ncd ", test::fixture("nvidia-smi").string(),
                            "\necho \"${1%%=*}\" >> ", dir.file("calls"),
                            "\ncase $1 in\n--help*) exec cat help-query-gpu-590.txt ;;\n"
                            "--query-compute*) exec cat compute-apps.csv ;;\nesac\n",
                            script, "\n"));
    std::filesystem::permissions(settings.command, std::filesystem::perms::owner_all);
    collector = make_nvidia_smi(Host(dir.path(),
                                     [this] {
                                       return TimePoint{0, boot_ms};
                                     }),
                                settings);
  }

  Status collect() {
    batch.clear();
    return collector->collect(batch);
  }
  [[nodiscard]] std::optional<double> value(std::string_view name, std::string_view id,
                                            std::string_view more) const {
    const std::string series = concat(name, "{hw_id=\"", id, "\",", more, "}");
    for (const auto& sample : batch.samples()) {
      if (format_series(sample.series) == series) return sample.value;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<double> gpu(std::string_view name) const {
    return value(name, "0000:01:00", R"(hw_type="gpu")");
  }
  // Of the second GPU.
  [[nodiscard]] std::optional<double> errors(std::string_view type) const {
    for (const auto& sample : batch.samples()) {
      if (format_series(sample.series) == concat(R"(hw_errors_total{error_type=")", type,
                                                 R"(",hw_id="0000:81:00",hw_type="gpu"})")) {
        return sample.value;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] bool has_error(std::string_view reason) const {
    const std::string series = concat("godwit_gpu_error{reason=\"", reason, "\"}");
    return std::any_of(batch.samples().begin(), batch.samples().end(),
                       [&](const Sample& it) { return format_series(it.series) == series; });
  }
};

std::string state(std::string_view name) {
  return concat("hw_state=\"", name, R"(",hw_type="gpu")");
}

}  // namespace

TEST_CASE("nvidia_smi: a small GPU becomes series in base units") {
  Bench bench("exec cat rtx-2080-super.csv");
  REQUIRE(bench.collect().ok());
  CHECK(bench.gpu("hw_gpu_utilization_ratio") == 0.37);
  CHECK(bench.gpu("hw_gpu_memory_usage_bytes") == 2048.0 * 1048576);
  CHECK(bench.gpu("godwit_gpu_memory_reserved_bytes") == 330.0 * 1048576);
  CHECK(bench.gpu("hw_power_watts") == 144.97);
  CHECK(bench.gpu("hw_energy_joules_total") == 0);
  CHECK(bench.gpu("godwit_clock_hertz") == 1.83e9);
  CHECK(bench.value("hw_fan_speed_ratio", "0000:01:00", R"(hw_type="fan")") == 0.45);
  CHECK_FALSE(bench.value("hw_temperature_celsius", "0000:01:00", R"(hw_type="memory")"));
  // Capped at its power limit: no fault.
  CHECK(bench.gpu("godwit_clock_event_reasons") == 4);
  CHECK(bench.value("godwit_clock_throttled", "0000:01:00",
                    R"(hw_type="gpu",reason="hw_thermal_slowdown")") == 0);
  CHECK(bench.value("hw_status", "0000:01:00", state("ok")) == 1);
  CHECK(bench.gpu("godwit_accelerator_processes") == 2);
  CHECK(bench.value("godwit_accelerator_process_memory_bytes", "0000:01:00",
                    R"(hw_type="gpu",pid="4711",process="python3")") == 1530.0 * 1048576);
  const std::string info =
      R"(hw_gpu_info{cuda_version="13.1",)"
      R"(hw_bus_id="00000000:01:00.0",hw_driver_version="590.44.01",)"
      R"(hw_firmware_version="90.04.7A.40.55",hw_id="0000:01:00",)"
      R"(hw_model="NVIDIA GeForce RTX 2080 SUPER",hw_name="nvidia0",hw_type="gpu",)"
      R"(hw_vendor="NVIDIA",index="0",uuid="GPU-6f3c1a52-0b7e-4d19-9a83-2c5d7e8f9012"})";
  CHECK(format_series(bench.batch.samples().front().series) == info);
  bench.boot_ms += 10'000;
  REQUIRE(bench.collect().ok());
  CHECK(bench.gpu("hw_energy_joules_total") == Approx(1449.7));
  CHECK(test::read_file(bench.dir.file("calls")) ==
        "--help-query-gpu\n--query-gpu\n--query-compute-apps\n--query-gpu\n"
        "--query-compute-apps\n");
}

TEST_CASE("nvidia_smi: errors of the memory, and clocks held down for heat") {
  Bench bench("exec cat two-gpus-one-hot.csv");
  REQUIRE(bench.collect().ok());
  CHECK(bench.errors("ecc_corrected_aggregate") == 7);
  CHECK(bench.errors("row_remap_correctable") == 1);
  CHECK(bench.value("godwit_gpu_row_remap_failure", "0000:81:00", R"(hw_type="gpu")") == 0);
  CHECK(bench.value("godwit_clock_throttled", "0000:81:00",
                    R"(hw_type="gpu",reason="hw_thermal_slowdown")") == 1);
  CHECK_FALSE(bench.gpu("godwit_gpu_row_remap_failure"));
}

TEST_CASE("nvidia_smi: a lost GPU has failed, and the others go on") {
  Bench by_cells("exec cat one-lost.csv");
  REQUIRE(by_cells.collect().ok());
  CHECK(by_cells.value("hw_status", "0000:81:00", state("failed")) == 1);
  CHECK(by_cells.value("hw_status", "0000:01:00", state("ok")) == 1);
  CHECK_FALSE(by_cells.value("hw_power_watts", "0000:81:00", R"(hw_type="gpu")"));

  Bench by_message(
      "cat rtx-2080-super.csv; echo 'Unable to determine the device handle for GPU 0000:81:00.0: "
      "GPU is lost.  Reboot the system to recover this GPU'; exit 15");
  const Status status = by_message.collect();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message.find("fallen off the bus") != std::string::npos);
  CHECK(by_message.has_error("lost"));
  CHECK(by_message.value("hw_status", "0000:81:00", state("failed")) == 1);
  CHECK(by_message.gpu("hw_power_watts") == 144.97);
}

TEST_CASE("nvidia_smi: each way to fail has its line, and a pause follows") {
  struct Case {
    const char* script;
    const char* reason;
    ErrorCode code;
  };
  for (const auto& one :
       {Case{"echo no >&2; exit 4", "permission", ErrorCode::permission},
        Case{"echo No devices were found; exit 6", "no_device", ErrorCode::no_data},
        Case{"echo no driver; exit 9", "driver", ErrorCode::unavailable},
        Case{"exit 12", "library", ErrorCode::unavailable},
        Case{"echo Driver/library version mismatch; exit 255", "version", ErrorCode::unavailable},
        Case{"exit 77", "failed", ErrorCode::unavailable},
        Case{"echo what, ever", "unreadable", ErrorCode::invalid},
        Case{"exec head -c 2000000 /dev/zero", "unreadable", ErrorCode::invalid}}) {
    INFO(one.script);
    Bench bench(one.script);
    for (int i = 0; i < 3; ++i) {
      const Status status = bench.collect();
      REQUIRE_FALSE(status.ok());
      CHECK(status.error().code == one.code);
      CHECK(status.error().message.find('\n') == std::string::npos);
      CHECK(bench.has_error(one.reason));
    }
    CHECK(test::read_file(bench.dir.file("calls")) == "--help-query-gpu\n--query-gpu\n");
  }
}

TEST_CASE("nvidia_smi: one that hangs is ended at the deadline") {
  Bench bench("exec sleep 600", 1500ms);
  const Status status = bench.collect();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::timeout);
  CHECK(bench.has_error("timeout"));
}

TEST_CASE("nvidia_smi: no tool, or a Jetson, is no fault") {
  Bench bench("exec cat rtx-2080-super.csv");
  std::filesystem::create_directories(bench.dir.path() / "proc/device-tree");
  test::write_file(bench.dir.file("proc/device-tree/compatible"), "nvidia,tegra234");
  CHECK(bench.collect().error().code == ErrorCode::no_data);
  CHECK(bench.batch.empty());
  const test::TempDir empty;
  const auto absent = make_nvidia_smi(Host(empty.path()), nvidia_smi_defaults());
  CHECK(absent->collect(bench.batch).error().code == ErrorCode::no_data);
  CHECK(bench.batch.empty());
}
