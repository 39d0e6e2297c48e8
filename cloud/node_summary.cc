#include "cloud/node_summary.h"

#include <array>

#include "transport/text.h"

namespace godwit {
namespace {

using Health = NodeSummary::Health;
constexpr std::array<std::string_view, 5> health_names = {"", "ok", "unknown", "warning",
                                                          "critical"};

Health health_of(std::string_view name) {
  for (std::size_t i = 1; i < health_names.size(); ++i) {
    if (name == health_names[i]) return static_cast<Health>(i);
  }
  return Health::unknown;
}

std::string kind_of(const WebSummary& told) {
  if (told.model.empty()) {
    const auto machine = told.labels.find("arch");
    return machine == told.labels.end() ? std::string() : machine->second;
  }
  return told.accelerators > 1 ? concat(told.accelerators, "× ", told.model) : told.model;
}

}  // namespace

std::string_view health_name(Health health) {
  return health_names[static_cast<std::size_t>(health)];
}

NodeSummary summarize(std::string_view name, const NodePresence& presence,
                      const NodeReadings* readings) {
  NodeSummary out;
  out.name = name;
  out.version = presence.version;
  out.online = presence.online;
  out.since_ms = presence.since_ms;
  out.clock = presence.clock;
  out.link = presence.link;
  if (readings == nullptr) return out;
  const WebSummary told = summarise_node(*readings);
  out.last_reading_ms = readings->newest_ms;
  out.kind = kind_of(told);
  if (out.version.empty()) out.version = told.version;
  out.health = health_of(told.health);
  for (const auto& problem : told.problems) {
    out.problems.push_back(
        concat(problem.type, ": ", problem.message.empty() ? problem.reason : problem.message));
  }
  out.utilization = told.utilization ? told.utilization : told.cpu;
  out.memory = told.memory ? told.memory : told.ram;
  out.celsius = told.temperature;
  out.watts = told.power;
  out.day_bytes = told.bytes_today;
  out.day_limit = told.cap_bytes;
  return out;
}

}  // namespace godwit
