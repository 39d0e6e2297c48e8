// What the fleet page shows of a node in one line, out of its canonical series: Summary of WEB.md.
// Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/latest_view.h"
#include "transport/json_writer.h"

namespace godwit {

struct WebProblem {
  std::string type, reason, message;
  bool is_critical = false;
  std::optional<std::int64_t> since_ms;
};

struct WebBacklog {
  std::optional<std::uint64_t> samples;
  std::uint64_t ticks = 0;
  std::optional<double> age_s;
  bool catching_up = false;
  std::optional<double> progress, left_s;
};

struct WebSummary {
  std::string name;
  std::string_view kind = "host";
  std::string model;
  std::map<std::string, std::string> labels;
  bool online = false;
  std::optional<std::int64_t> since_ms, heard_ms;
  std::string version;
  std::string_view health = "unknown";
  std::vector<WebProblem> problems;
  std::size_t accelerators = 0;
  std::optional<double> utilization, memory, temperature, power, cpu, ram;
  WebBacklog backlog;
  std::string_view clock = "unknown";
  std::optional<double> bytes_today, cap_bytes, rtt_s;
};

// All that readings tell; the rest is the caller's.
WebSummary summarise_node(const NodeReadings& readings);

void write_summary(JsonWriter& json, const WebSummary& summary);
// null without a value; rounded to so many decimals.
void write_rounded(JsonWriter& json, std::string_view key, std::optional<double> value,
                   int decimals);

}  // namespace godwit
