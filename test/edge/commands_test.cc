#include "edge/commands.h"

#include <atomic>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

class Fixed : public Collector {
 public:
  static inline std::atomic<int> alive = 0;

  Fixed(int sleep_ms, Status status) : sleep_ms_(sleep_ms), status_(std::move(status)) { ++alive; }
  ~Fixed() override { --alive; }
  Status collect(Batch& out) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms_));
    if (status_) out.add("node_load1", 0.25);
    if (status_) out.add("node_memory_MemTotal_bytes", 25'276'502'016.0);
    return status_;
  }

 private:
  int sleep_ms_;
  Status status_;
};

CollectorSpec fixed(std::string_view name, bool quick, int sleep_ms, Status status = {}) {
  CollectorSpec spec;
  spec.name = name;
  spec.source = "a test";
  spec.quick = quick;
  spec.defaults.deadline = std::chrono::milliseconds(100);
  spec.make = [sleep_ms, status](const Host&, const CollectorSettings&) {
    return std::make_unique<Fixed>(sleep_ms, status);
  };
  return spec;
}

class SickGpu final : public Collector {
 public:
  explicit SickGpu(std::string state) : state_(std::move(state)) {}

  Status collect(Batch& out) override {
    out.add_info("hw_gpu_info", {{"hw_id", "0000:01:00"}, {"hw_type", "gpu"}});
    for (const std::string each : {"ok", "failed"}) {
      out.add("hw_status", {{"hw_id", "0000:01:00"}, {"hw_type", "gpu"}, {"hw_state", each}},
              each == state_ ? 1 : 0);
    }
    return {};
  }

 private:
  const std::string state_;
};

TEST_CASE("once prints every reading, and for each silent collector why") {
  // As the registry does, they outlive a thread that hangs.
  static const auto& specs = *new std::vector<CollectorSpec>{
      fixed("load", true, 1), fixed("gone", true, 0, Error{ErrorCode::no_data, "no such thing"}),
      fixed("slow", false, 20), fixed("hanging", false, 1500)};
  AgentSettings settings;
  for (const auto& spec : specs) settings.collectors.push_back({&spec, spec.defaults});
  std::ostringstream out;
  std::ostringstream errors;
  const auto format = GENERATE(OnceFormat::table, OnceFormat::prom, OnceFormat::json);
  CHECK(once_command(settings, format, "", out, errors) == exit_ok);
  CHECK(out.str().find("node_load1") != std::string::npos);
  CHECK(out.str().find("0.25") != std::string::npos);
  if (format == OnceFormat::table) {
    CHECK(out.str().find("  23.5 GiB\n") != std::string::npos);
    CHECK(out.str().find(" readings in 0 ") == std::string::npos);
    CHECK(out.str().find(" ms\n") != std::string::npos);
  }
  CHECK(errors.str().find("gone: no such thing\n") != std::string::npos);
  CHECK(errors.str().find("hanging: no answer within 100 ms") != std::string::npos);
  CHECK(errors.str().find("slow") == std::string::npos);

  std::ostringstream one;
  CHECK(once_command(settings, format, "gone", one, errors) == exit_failure);
  CHECK(once_command(settings, format, "nonsense", one, errors) == exit_config);
  CHECK(test::eventually([] { return Fixed::alive == 0; }));
}

TEST_CASE("once tells how the accelerators are") {
  const auto state = GENERATE(as<std::string>(), "ok", "failed");
  CollectorSpec spec = fixed("nvidia_smi", true, 0);
  spec.make = [state](const Host&, const CollectorSettings&) {
    return std::make_unique<SickGpu>(state);
  };
  AgentSettings settings;
  settings.collectors.push_back({&spec, spec.defaults});
  std::ostringstream out, errors;
  CHECK(once_command(settings, OnceFormat::prom, "", out, errors) == exit_ok);
  const std::string text = out.str();
  INFO(text);
  CHECK(text.find(concat(R"(hw_status{hw_id="0000:01:00",hw_state=")", state,
                         R"(",hw_type="gpu"} 1)")) != std::string::npos);
  CHECK((text.find(R"(godwit_problem{reason="GPUIsHealthy",type="GPUHealthy"} 0)") !=
         std::string::npos) == (state == "ok"));
}

TEST_CASE("parse names the file that it cannot read") {
  const test::TempDir dir;
  test::write_file(dir.file("x"), "hello");
  for (const std::string kind : {"jtop", "npu-smi"}) {
    std::ostringstream out;
    std::ostringstream errors;
    CHECK(parse_command(kind, dir.file("x"), out, errors) == exit_failure);
    CHECK(errors.str().find(dir.file("x") + ": ") != std::string::npos);
    CHECK(out.str().empty());
  }
}

TEST_CASE("spool shows what a buffer holds, for people and for programs") {
  const test::TempDir dir;
  std::ostringstream out;
  std::ostringstream errors;
  CHECK(spool_command({dir.file("none.db"), 1000, false}, out, errors) == exit_failure);
  CHECK(errors.str().find("none.db: no such file") != std::string::npos);
  auto buffer = Buffer::open(dir.file("b.db"), {});
  REQUIRE(buffer.ok());
  StoredFrame row;
  row.first_seq = 1;
  row.last_seq = 10;
  row.ticks = 10;
  row.boot_id = "boot";
  row.bytes = "bytes";
  REQUIRE(buffer->append(row).ok());
  row.first_seq = 11;
  row.last_seq = 20;
  row.first_boot_ms = 10'000;
  row.last_boot_ms = 19'000;
  row.level = 4;
  REQUIRE(buffer->append(row).ok());
  REQUIRE(buffer->put_boot({"boot", 1'795'000'000'000, 2}).ok());
  REQUIRE(buffer->count_dropped(7, "thinned", 70).ok());
  const SpoolRequest request{dir.file("b.db"), buffer->stats().file_bytes + 1000, false};
  const auto shows = [&](std::string_view text) {
    INFO(text << " in " << out.str());
    CHECK(out.str().find(text) != std::string::npos);
  };
  CHECK(spool_command(request, out, errors) == exit_ok);
  shows("waiting: 20 ticks in 2 frames, 10 bytes");
  shows("as stored: 10 ticks in 1 frames, 5 bytes");
  shows("1 of 8 ticks: 10 ticks in 1 frames, 5 bytes");
  shows("boot boot: began 2026-11-18T");
  shows("oldest: 2026-11-18T11:06:40");
  shows("newest: 2026-11-18T11:06:59");
  shows("free: 1000 bytes");
  shows("lasts without a link: 0d 0h 33m 20s");  // 5 bytes in 10 s
  shows("lost (thinned): 7 ticks, 70 samples");
  out.str("");
  CHECK(spool_command({request.path, request.max_bytes, true}, out, errors) == exit_ok);
  shows("\"ticks\": 20");
  shows("\"keep_every\": 8");
  shows("\"free_bytes\": 1000");
  shows("\"lasts_ms\": 2000000");
  shows("\"oldest_ms\": 1795000000000");
  shows("\"samples\": 70");
}

}  // namespace
}  // namespace godwit
