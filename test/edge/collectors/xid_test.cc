#include "edge/collectors/xid.h"

#include <catch2/catch.hpp>

#include "edge/health.h"
#include "test/support/support.h"
#include "transport/exposition.h"
#include "transport/text.h"

namespace godwit {
namespace {

TEST_CASE("xid: a record of the kernel's log") {
  const auto xid =
      parse_xid("4,887,1234567,-;NVRM: Xid (PCI:0000:3B:00): 79, pid='<unknown>', GPU has fallen");
  REQUIRE(xid);
  CHECK(xid->bus_id == "0000:3b:00");
  CHECK(xid->code == 79);
  CHECK(parse_xid("4,1,2,-;NVRM: Xid (PCI:0000:01:00): 31")->code == 31);
  for (const char* const other :
       {"", ";", "4,1,2,-;NVRM: Xid (PCI:", "4,1,2,-;NVRM: Xid (PCI:0000:01:00)",
        "4,1,2,-;NVRM: Xid (PCI:0000:01:00): x", "4,1,2,-;NVRM: Xid (PCI:): 1",
        "4,1,2,-;NVRM: Xid (PCI:{a=\"b\"}): 1",
        "4,1,2,-;NVRM: Xid (PCI:0000:01:00): 99999999999999",
        // Written by a program, into the log's device or into its own line.
        "12,1,2,-;prog: ;NVRM: Xid (PCI:0000:01:00): 79",
        " DEVICE=;NVRM: Xid (PCI:0000:01:00): x"}) {
    INFO(other);
    CHECK_FALSE(parse_xid(other));
  }
}

TEST_CASE("xid: counts what was logged, and health hears of it by the PCI address") {
  test::TempDir tree;
  const Host host(tree.path().string());
  const auto collector = make_xid(host, {});
  Batch batch;
  CHECK(collector->collect(batch).error().code == ErrorCode::no_data);
  const auto write = [&](const char* name, std::string_view text) {
    std::filesystem::create_directories((tree.path() / name).parent_path());
    test::write_file(tree.path() / name, text);
  };
  write("proc/driver/nvidia/gpus/0000:01:00.0/information", "");
  CHECK_FALSE(collector->collect(batch).ok());  // no log
  const std::string first = "4,1,2,-;NVRM: Xid (PCI:0000:01:00): 31, a\n";
  write("dev/kmsg", first + "6,2,3,-;usb 1-1: new device\n");
  REQUIRE(collector->collect(batch).ok());
  CHECK(expose(batch.samples()).find(R"(
hw_errors_total{error_type="xid_31",hw_id="0000:01:00",hw_type="gpu"} 1
)") != std::string::npos);
  CHECK(expose(batch.samples()).find(R"(
godwit_gpu_last_xid{hw_id="0000:01:00",hw_type="gpu",xid="31"} 31
)") != std::string::npos);

  Health health{HealthSettings{}};
  Batch gpus;
  for (const char* const n : {"0", "1"}) {
    gpus.add_info(
        "hw_gpu_info",
        {{"hw_id", n}, {"hw_type", "gpu"}, {"hw_bus_id", concat("00000000:0", n, ":00.0")}});
  }
  health.observe("nvidia_smi", {}, gpus, {1000, 1000});
  const auto condition = [&] {
    for (const auto& it : health.conditions({3000, 3000})) {
      if (it.type == "XIDErrors") return concat(status_name(it.status), " ", it.message);
    }
    return std::string("none");
  };
  CHECK(condition() == "none");
  health.observe("xid", {}, batch, {1500, 1500});
  CHECK(condition().starts_with("False"));
  {
    std::FILE* const log = std::fopen((tree.path() / "dev/kmsg").c_str(), "a");
    std::fputs("4,3,4,-;NVRM: Xid (PCI:0000:01:00): 79, b\n", log);
    std::fclose(log);
  }
  batch.clear();
  REQUIRE(collector->collect(batch).ok());
  REQUIRE(batch.size() == 4);
  CHECK(format_series(batch.samples()[2].series) ==
        R"(godwit_gpu_last_xid{hw_id="0000:01:00",hw_type="gpu",xid="31"})");
  CHECK(is_stale_marker(batch.samples()[2].value));
  CHECK(batch.samples()[3].value == 79);
  health.observe("xid", {}, batch, {2000, 2000});
  CHECK(condition() == "True GPU 1: the driver logged Xid 79");
}

}  // namespace
}  // namespace godwit
