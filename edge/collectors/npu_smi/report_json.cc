#include <algorithm>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

template <class T>
void member(JsonWriter& json, std::string_view name, const std::optional<T>& value) {
  json.key(name);
  if (value) {
    json.value(*value);
  } else {
    json.null();
  }
}

void text_member(JsonWriter& json, std::string_view name, const std::string& value) {
  json.key(name);
  if (value.empty()) {
    json.null();
  } else {
    json.value(value);
  }
}

void texts(JsonWriter& json, const std::vector<std::string>& values) {
  json.begin_array();
  for (const auto& value : values) json.value(value);
  json.end_array();
}

// A cell of columns: number, text or null.
void cell(JsonWriter& json, const std::string& text) {
  if (text.empty()) return json.null();
  if (const auto integer = parse_int(text)) return json.value(*integer);
  if (const auto number = parse_double(text)) return json.value(*number);
  json.value(text);
}

void write_chip(JsonWriter& json, const Chip& chip, bool has_npu_util) {
  json.begin_object();
  member(json, "npu_id", chip.npu_id);
  member(json, "chip_id", chip.chip_id);
  member(json, "logic_id", chip.logic_id);
  member(json, "phy_id", chip.phy_id);
  text_member(json, "name", chip.name);
  text_member(json, "bus_id", chip.bus_id);
  text_member(json, "health", chip.health);
  member(json, "power_w", chip.power_w);
  member(json, "temp_c", chip.temp_c);
  member(json, "aicore_util_pct", chip.aicore_pct);
  member(json, "mem_used_mb", chip.memory_mb.used);
  member(json, "mem_total_mb", chip.memory_mb.total);
  member(json, "hbm_used_mb", chip.hbm_mb.used);
  member(json, "hbm_total_mb", chip.hbm_mb.total);
  member(json, "hugepages_used", chip.hugepages.used);
  member(json, "hugepages_total", chip.hugepages.total);
  if (has_npu_util) member(json, "npu_util_pct", chip.npu_util_pct);
  json.end_object();
}

void write_processes(JsonWriter& json, const std::vector<Process>& processes) {
  json.key("processes");
  json.begin_array();
  for (const auto& process : processes) {
    json.begin_object();
    member(json, "npu", process.npu);
    member(json, "chip", process.chip);
    json.member("pid", process.pid);
    text_member(json, "name", process.name);
    member(json, "mem_mb", process.memory_mb);
    json.end_object();
  }
  json.end_array();
}

struct Writer {
  JsonWriter& json;

  void head(std::string_view command, std::string_view kind) const {
    json.key("command");
    if (command.empty()) {
      json.null();
    } else {
      json.value(command);
    }
    if (!kind.empty()) json.member("kind", kind);
  }

  void operator()(const InfoTable& table) const {
    head("npu-smi info", "info");
    text_member(json, "npu_smi_version", table.tool_version);
    text_member(json, "driver_version", table.driver_version);
    json.key("chips");
    json.begin_array();
    for (const auto& chip : table.chips) write_chip(json, chip, table.has_npu_util);
    json.end_array();
    json.member("process_table_shown", table.process_table_shown);
    write_processes(json, table.processes);
    json.key("no_process_npus");
    json.begin_array();
    for (const auto npu : table.idle_npus) json.value(npu);
    json.end_array();
    if (table.truncated) json.member("truncated", true);
  }

  void pair(const KeyValue& entry) const {
    json.key(entry.key);
    if (entry.values.size() == 1) {
      json.value(entry.values[0]);
    } else {
      texts(json, entry.values);
    }
  }

  // Flat only when no key repeats. Values that go on over several lines have no blocks: the blank
  // lines stand between their parts.
  void operator()(const KeyValues& report) const {
    head(command_of(report), "kv");
    std::vector<const KeyValue*> all;
    for (const auto& block : report.blocks) {
      for (const auto& entry : block) all.push_back(&entry);
    }
    const bool continued = std::any_of(all.begin(), all.end(),
                                       [](const auto* entry) { return entry->values.size() > 1; });
    if (!continued) {
      json.key("blocks");
      json.begin_array();
      for (const auto& block : report.blocks) {
        json.begin_object();
        for (const auto& entry : block) pair(entry);
        json.end_object();
      }
      json.end_array();
    }
    std::vector<std::string_view> keys;
    keys.reserve(all.size());
    for (const auto* entry : all) keys.emplace_back(entry->key);
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) == keys.end()) {
      json.key("values");
      json.begin_object();
      for (const auto* entry : all) pair(*entry);
      json.end_object();
    }
    for (const auto* entry : all) {
      if (entry->key == "Error Code") error_codes(entry->values[0]);
    }
  }

  void error_codes(const std::string& text) const {
    if (is_hole(text)) return;
    json.key("error_codes");
    json.begin_array();
    for (const auto code : split_blanks(text)) json.value(code);
    json.end_array();
  }

  void operator()(const Mapping& report) const {
    head("npu-smi info -m", "mapping");
    json.key("rows");
    json.begin_array();
    for (const auto& row : report.rows) {
      json.begin_object();
      for (std::size_t i = 0; i < report.names.size(); ++i) {
        json.key(report.names[i]);
        cell(json, row[i]);
      }
      json.end_object();
    }
    json.end_array();
  }

  void operator()(const Watch& report) const {
    head("npu-smi info watch", "watch");
    json.key("columns");
    texts(json, report.names);
    json.key("rows");
    json.begin_array();
    for (const auto& row : report.rows) {
      json.begin_array();
      for (const auto& text : row) cell(json, text);
      json.end_array();
    }
    json.end_array();
  }

  void operator()(const Topology& report) const {
    head("npu-smi info -t topo", "topo");
    json.key("devices");
    texts(json, report.devices);
    json.key("links");
    json.begin_array();
    for (const auto& row : report.links) texts(json, row);
    json.end_array();
    json.key("cpu_affinity");
    texts(json, report.cpu_affinity);
  }

  void operator()(const ProcessMemory& report) const {
    head(command_of(report), "procmem");
    member(json, "npu_id", report.npu);
    write_processes(json, report.processes);
  }

  void operator()(const Help& report) const {
    head("npu-smi info -h", "help");
    json.key("types");
    texts(json, report.types);
  }

  void operator()(const Message& report) const {
    head(command_of(report), "");
    json.member("error", report.decisive);
    if (!report.unsupported) {
      json.key("lines");
      texts(json, report.lines);
    }
    if (report.code) json.member("code", *report.code);
  }
};

}  // namespace

std::string report_json(const Report& report, std::string_view file_name) {
  JsonWriter json(1);
  json.begin_object();
  json.member("file", file_name);
  std::visit(Writer{json}, report);
  json.end_object();
  return json.text();
}

}  // namespace godwit::npu_smi

namespace godwit {

Result<std::string> parse_npu_smi_file(std::string_view text, std::string_view file_name) {
  const auto report = npu_smi::parse_report(text);
  if (!report) return report.error().with_prefix(file_name);
  return npu_smi::report_json(*report, file_name) + "\n";
}

}  // namespace godwit
