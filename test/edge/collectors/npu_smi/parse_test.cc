// Forms that no capture of the corpus has: tables of versions to come, outputs known from reports.
#include "edge/collectors/npu_smi/parse.h"

#include <catch2/catch.hpp>

using namespace godwit;
using namespace godwit::npu_smi;

namespace {

InfoTable table(std::string_view text) {
  auto report = parse_report(text);
  REQUIRE(report.ok());
  REQUIRE(std::holds_alternative<InfoTable>(*report));
  return std::get<InfoTable>(*report);
}

template <class T>
T as(std::string_view text) {
  auto report = parse_report(text);
  INFO(text);
  REQUIRE(report.ok());
  REQUIRE(std::holds_alternative<T>(*report));
  return std::get<T>(*report);
}

}  // namespace

TEST_CASE(
    "npu-smi table: columns are found by name, in any order, and unknown ones are passed over") {
  const auto t = table(R"(+----+
| npu-smi 30.1.0      Version: 30.1.2   |
+----+
| NPU   Name      | Health   | Fan(%)   Temp(C)   Hugepages-Usage(page)   Power(W)   |
| Chip  Phy-ID    | Bus-Id   | HBM-Usage(MB)   Clock(MHz)   AICore(%)   Memory-Usage(MB)  |
+====+
| 3     920X      | OK       | 44       51        3 / 9                   71.5       |
| 1     7         | 0000:C1:00.0 | 60478/ 65536 | 0 |
| 4     920X      | Alarm    | 45       52        0 / 0                   72.5       |
| 0     8         | 0000:C2:00.0 | 5 / 65536       1800         37          1 / 2             |
+====+
)");
  CHECK(t.tool_version == "30.1.0");
  CHECK(t.driver_version == "30.1.2");
  REQUIRE(t.chips.size() == 2);
  const auto& chip = t.chips[1];
  CHECK(chip.npu_id == 4);
  CHECK(chip.phy_id == 8);
  CHECK(chip.health == "Alarm");
  CHECK(chip.power_w == 72.5);
  CHECK(chip.temp_c == 52);
  CHECK(chip.aicore_pct == 37);
  CHECK(chip.hbm_mb.used == 5);
  CHECK(chip.memory_mb.total == 2);
  CHECK(t.chips[0].hugepages.used == 3);
  CHECK(t.chips[0].hbm_mb.used == 60478);
  CHECK_FALSE(t.chips[0].aicore_pct);
  CHECK_FALSE(t.truncated);
}

TEST_CASE("npu-smi table: a value that is left out is absent and moves no other") {
  const auto t = table(R"(
| NPU   Name   | Health  | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip         | Bus-Id  | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 0     910B3  | OK      |             37                0    / 0             |
| 0            | NA      | 12                            3133 / 65536         |
)");
  REQUIRE(t.chips.size() == 1);
  CHECK_FALSE(t.chips[0].power_w);
  CHECK(t.chips[0].temp_c == 37);
  CHECK(t.chips[0].aicore_pct == 12);
  CHECK_FALSE(t.chips[0].memory_mb.total);
  CHECK(t.chips[0].hbm_mb.used == 3133);
}

TEST_CASE("npu-smi table: holes in usages, names of several words, one blank between heads") {
  const auto t = table(R"(
| NPU Name | Health | Power(W) Temp(C) Hugepages-Usage(page) |
| Chip Device | Bus-Id | AICore(%) Memory-Usage(MB) |
| 5 Atlas 300I Pro | Warning | NA - 15 / 15 |
| 0 2 | NA | NA NA / 21525 |
)");
  REQUIRE(t.chips.size() == 1);
  const auto& chip = t.chips[0];
  CHECK(chip.name == "Atlas 300I Pro");
  CHECK(chip.health == "Warning");
  CHECK(chip.bus_id.empty());
  CHECK(chip.logic_id == 2);
  CHECK_FALSE(chip.power_w);
  CHECK_FALSE(chip.temp_c);
  CHECK_FALSE(chip.aicore_pct);
  CHECK_FALSE(chip.memory_mb.used);
  CHECK(chip.memory_mb.total == 21525);
  CHECK(chip.hugepages.used == 15);
}

TEST_CASE("npu-smi table: a second row without its first is a chip of an unknown card") {
  const auto t = table(R"(
| NPU   Name   | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip         | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 0            | 0000:C1:00.0  | 0           0    / 0          3133 / 65536         |
| 1     910B3  | OK            | 91.5        37                0    / 0             |
| 0            | 0000:C2:00.0  | 0           0    / 0          3133 / 65536         |
)");
  REQUIRE(t.chips.size() == 2);
  CHECK_FALSE(t.chips[0].npu_id);
  CHECK(t.chips[0].bus_id == "0000:C1:00.0");
  CHECK(t.chips[1].npu_id == 1);
}

TEST_CASE("npu-smi table: a first row without its second, and a head without rows") {
  CHECK(table("| 1     910B3  | OK   | 91.5    37   0 / 0 |\n").truncated);
  const auto empty = table(
      "| npu-smi 24.1.0   Version: 24.1.0 |\n"
      "| NPU   Name   | Health        | Power(W)    Temp(C)  |\n");
  CHECK(empty.chips.empty());
  CHECK(empty.driver_version == "24.1.0");
}

TEST_CASE("npu-smi table: Ascend 950 without its header") {
  const auto t = table(R"(
| 7      | Ascend950DT      | Warning       | 397.5                 61        0     / 0     |
|        |                  | NA            | 42                    0     / 0                91000 / 98304 |
)");
  REQUIRE(t.chips.size() == 1);
  CHECK(t.has_npu_util);
  CHECK(t.chips[0].npu_util_pct == 42);
  CHECK(t.chips[0].hbm_mb.used == 91000);
  CHECK(t.chips[0].name == "Ascend950DT");
}

TEST_CASE(
    "npu-smi table: processes with borders or blanks in their names, without a head, or cut") {
  const auto t = table(R"(
| NPU     Chip      | Process id    | Process name             | Process memory(MB)      |
+=====+
| 0       1         | 42            | sh -c a | b               | 7                       |
| 0       0         | 43            |                          | 8                       |
+=====+
)");
  REQUIRE(t.processes.size() == 2);
  CHECK(t.processes[0].name == "sh -c a | b");
  CHECK(t.processes[0].chip == 1);
  CHECK(t.processes[0].memory_mb == 7);
  CHECK(t.processes[1].name.empty());

  const auto headless = table("| 0  0  | 43   | python3  | 812   | NA  |\n| 0  1  | 44   | pyth");
  REQUIRE(headless.processes.size() == 1);
  CHECK(headless.processes[0].memory_mb == 812);
  CHECK(headless.truncated);
}

TEST_CASE("npu-smi proc-mem: chips are named behind their processes") {
  const auto report = as<ProcessMemory>(R"(Get pid name failed.
	NPU ID                         : 32768
	Process id:1976358 Process name:gunicorn           Process memory(MB):1336
	Process id:577293  Process name:                   Process memory(MB):1972
	Chip ID                        : 0

	Process id:9 Process memory(MB):5
	Chip ID                        : 1
)");
  CHECK(report.npu == 32768);
  REQUIRE(report.processes.size() == 3);
  CHECK(report.processes[0].pid == 1976358);
  CHECK(report.processes[0].name == "gunicorn");
  CHECK(report.processes[0].chip == 0);
  CHECK(report.processes[1].name.empty());
  CHECK(report.processes[1].memory_mb == 1972);
  CHECK(report.processes[2].chip == 1);
  CHECK(report.processes[2].memory_mb == 5);
  CHECK(as<ProcessMemory>("\tNo process in device.\n").processes.empty());
}

TEST_CASE("npu-smi key values: colons in values, no blanks at all, empty values, versions") {
  const auto report =
      as<KeyValues>("NPU ID:0\nPCIe Bus Info :0000:C1:00.0\nModel :\n\nNPU ID: 1\n");
  REQUIRE(report.blocks.size() == 2);
  CHECK(report.blocks[0][1].values[0] == "0000:C1:00.0");
  CHECK(report.blocks[0][2].values[0].empty());
  CHECK(as<KeyValues>("npu-smi version: 23.0.rc3\n").blocks[0][0].values[0] == "23.0.rc3");
  const auto health = as<KeyValues>(
      "\tHealth Status    : OK\n\tError Code       : NA\n\tError Information: sensor failed\n");
  CHECK(health.blocks[0].size() == 3);
}

TEST_CASE("npu-smi columns: names of several words, TABs, repeated heads, lost widths") {
  const auto mapping = as<Mapping>(
      "\tNPU ID\tChip ID\tChip Logic ID\tChip Name\n\t8\t1\t-\tAscend 910 B3\n9 0 3 Ascend "
      "910B3\n");
  REQUIRE(mapping.rows.size() == 2);
  CHECK(mapping.rows[0] == std::vector<std::string>{"8", "1", "", "Ascend 910 B3"});
  CHECK(mapping.rows[1][3] == "Ascend 910B3");

  const auto watch = as<Watch>(
      "NpuID(Idx)  ChipId(Idx) Memory BW(%)\n0  0  7\nNpuID(Idx)  ChipId(Idx) Memory BW(%)\n"
      "0  1  NA\n0  1\n");
  CHECK(watch.names == std::vector<std::string>{"NpuID(Idx)", "ChipId(Idx)", "Memory BW(%)"});
  REQUIRE(watch.rows.size() == 2);
  CHECK(watch.rows[1][2].empty());

  const auto topology = as<Topology>("     NPU0  NPU1\nNPU0  X  HCCS\nNPU1  HCCS  X\n");
  CHECK(topology.devices.size() == 2);
  CHECK(topology.links[1] == std::vector<std::string>{"HCCS", "X"});
  CHECK(topology.cpu_affinity.empty());
}

TEST_CASE("npu-smi messages: the telling line is found among others") {
  const auto busy = as<Message>(
      "[INFO limiter::init] x: y\nDrvMngGetConsoleLogLevel failed. (g_conLogLevel=3)\n"
      "dcmi model initialized failed, because the device is used. ret is -8020\n");
  CHECK(busy.code == -8020);
  CHECK(busy.lines.size() == 3);
  CHECK(as<Message>("npu get board type failed. ret is -9005\n").code == -9005);
  CHECK(as<Message>("There is no NPU card on this server.\n").decisive ==
        "There is no NPU card on this server.");
  CHECK(as<Message>("bash: /usr/local/bin/npu-smi: Permission denied\n").lines.size() == 1);
}

TEST_CASE("npu-smi: what it never prints is refused with a line that says so") {
  for (const std::string_view text : {"", "  \n\n", "hello", "\x01\x02\xff", "| a | b |\n"}) {
    const auto report = parse_report(text);
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().code == ErrorCode::invalid);
  }
  const auto huge = parse_report(std::string(max_text_bytes + 1, '|'));
  REQUIRE_FALSE(huge.ok());
  const auto named = parse_npu_smi_file("hello", "x.txt");
  REQUIRE_FALSE(named.ok());
  CHECK(named.error().message == "x.txt: nothing that npu-smi prints; it begins with \"hello\"");
}

TEST_CASE("npu-smi -m: heads and rows with one blank between columns") {
  const auto m = as<Mapping>(
      "NPU ID Chip ID Chip Logic ID Chip Phy-ID Chip Name\n0 0 0 4 Ascend 910B3\n0 1 - - Mcu\n");
  CHECK(m.names ==
        std::vector<std::string>{"NPU ID", "Chip ID", "Chip Logic ID", "Chip Phy-ID", "Chip Name"});
  REQUIRE(m.rows.size() == 2);
  CHECK(m.rows[0] == std::vector<std::string>{"0", "0", "0", "4", "Ascend 910B3"});
  CHECK(m.rows[1] == std::vector<std::string>{"0", "1", "", "", "Mcu"});
}

TEST_CASE("npu-smi: a boxed table of another query is not taken for keys and values") {
  CHECK_FALSE(parse_report("+----+\n| NPU resource static info as follow:  |\n"
                           "| Format:Free/Total    NA: Currently |\n| 8/8   21/21 |\n+----+\n")
                  .ok());
}

TEST_CASE("npu-smi: the command is told as far as the text shows it") {
  const auto command = [](std::string_view text) { return command_of(as<KeyValues>(text)); };
  CHECK(command("Total Count : 1\n\nNPU ID : 3\nChip Count : 1\n") == "npu-smi info -l");
  CHECK(command("NPU ID : 3\nChip Count : 1\n\nNPU Real-time Power(W) : 9\nChip ID : 0\n") ==
        "npu-smi info -t power -i 3");
  CHECK(command("NPU ID : 3\nChip ID : 1\nBoard ID : 0x1\n") == "npu-smi info -t board -i 3 -c 1");
  CHECK(command("Health Status : OK\n") == "npu-smi info -t health");
  CHECK(command("Something : new\n").empty());
  CHECK(command_of(as<Message>("This device does not support querying spod-info.\n")) ==
        "npu-smi info -t spod-info");
  CHECK(command_of(as<Message>("dcmi module initialize failed. ret is -8005\n")).empty());
}
