#include "cloud/metrics_reference.h"

#include <array>
#include <string_view>

#include "transport/catalog.h"
#include "transport/text.h"

namespace godwit {
namespace {

struct Group {
  std::string_view title;
  std::array<std::string_view, 11> prefixes;  // a metric is of the first group that fits
};
constexpr Group groups[] = {
    {"Accelerators, sensors, power", {"hw_"}},
    {"Relay", {"godwit_relay_", "godwit_node_"}},
    {"Agent",
     {"godwit_agent_", "godwit_buffer_", "godwit_clock_state", "godwit_clock_ahead",
      "godwit_clock_steps", "godwit_clock_unconfirmed", "godwit_collector_", "godwit_link_",
      "godwit_process_", "godwit_scrape_", "godwit_textfile_"}},
    {"Boards, accelerators and the network, beyond common names", {"godwit_"}},
    {"Pods and containers", {"kube_", "container_"}},
    {"Host", {"node_"}},
    {"Others", {""}},
};

bool fits(const Group& group, std::string_view name) {
  for (const auto prefix : group.prefixes) {
    if (name.starts_with(prefix) && (!prefix.empty() || group.prefixes[0].empty())) return true;
  }
  return false;
}

// Markdown's tables end a cell with '|'.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string describe_catalog() {
  std::string out;
  for (std::size_t g = 0; g < std::size(groups); ++g) {
    std::string rows;
    for (const auto& metric : catalog()) {
      std::size_t first = 0;
      while (first < g && !fits(groups[first], metric.name)) ++first;
      if (first != g || !fits(groups[g], metric.name)) continue;
      rows += concat("| `", metric.name, "` | ", kind_name(metric.kind), " | ", metric.unit, " | ",
                     cell(metric.help), " |\n");
    }
    if (rows.empty()) continue;
    out += concat(out.empty() ? "" : "\n", "## ", groups[g].title,
                  "\n\n| metric | kind | unit | meaning |\n|---|---|---|---|\n", rows);
  }
  return out;
}

}  // namespace godwit
