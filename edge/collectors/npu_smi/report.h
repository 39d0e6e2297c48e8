// What npu-smi said, whichever of its commands it was: the result of parse.h, used by the collector
// and by `godwit-agent parse npu-smi`. A value that the tool left out, or wrote as NA, "-" or
// blank, is absent here. The outputs are described in test/fixtures/npu-smi/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace godwit::npu_smi {

// Two numbers of a "used / total" column.
struct Usage {
  std::optional<std::int64_t> used, total;
};

// One chip of `npu-smi info`, in the tool's own units.
struct Chip {
  std::optional<std::int64_t> npu_id;    // card; any number, not 0..n-1
  std::optional<std::int64_t> chip_id;   // within the card
  std::optional<std::int64_t> logic_id;  // column "Device"
  std::optional<std::int64_t> phy_id;    // N of /dev/davinciN
  std::string name, bus_id, health;      // empty: not known
  std::optional<double> power_w, temp_c, aicore_pct, npu_util_pct;
  Usage memory_mb, hbm_mb;  // MB of 2^20 bytes
  Usage hugepages;          // pages of 2 MiB
};

struct Process {
  std::optional<std::int64_t> npu, chip;
  std::int64_t pid = 0;
  std::string name;  // empty where the pid is not visible
  std::optional<std::int64_t> memory_mb;
};

struct InfoTable {
  std::string tool_version, driver_version;  // of the banner; empty without one
  std::vector<Chip> chips;
  bool has_npu_util = false;  // the table has the column "NPU Util(%)"
  bool process_table_shown = false;
  std::vector<Process> processes;
  std::vector<std::int64_t> idle_npus;  // "No running processes found in NPU N"
  bool truncated = false;               // the text itself shows that lines are missing
};

struct KeyValue {
  std::string key;
  std::vector<std::string> values;  // more than one: lines with an empty key followed
};
// Blocks of "key : value" lines, as blank lines part them.
struct KeyValues {
  std::vector<std::vector<KeyValue>> blocks;
};

// Columns and rows of text: -m and watch. An empty cell is "-" or NA.
struct Columns {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
};
struct Mapping : Columns {};
struct Watch : Columns {};

struct Topology {
  std::vector<std::string> devices;
  std::vector<std::vector<std::string>> links;  // one row per device, one text per device
  std::vector<std::string> cpu_affinity;        // one per row, when the column exists
};

struct ProcessMemory {
  std::optional<std::int64_t> npu;
  std::vector<Process> processes;
};

struct Help {
  std::vector<std::string> types;  // what -t takes
};

// A message in place of data.
struct Message {
  std::string decisive;            // the line that says it
  std::vector<std::string> lines;  // all of them
  std::optional<std::int64_t> code;
  bool unsupported = false;  // "This device does not support ...": an answer, no failure
};

using Report =
    std::variant<InfoTable, KeyValues, Mapping, Watch, Topology, ProcessMemory, Help, Message>;

}  // namespace godwit::npu_smi
