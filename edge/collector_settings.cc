#include "edge/collector_settings.h"

#include <algorithm>

#include "edge/foreign_settings.h"
#include "transport/text.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using Type = SettingType;

constexpr std::int64_t second = 1000;
constexpr std::int64_t day = 86'400 * second;

std::string duration_text(milliseconds value) {
  return value.count() % 1000 == 0 ? concat(value.count() / 1000, "s")
                                   : concat(value.count(), "ms");
}

// The period that `interval` gives to a collector whose own is not set.
milliseconds inherited_interval(const CollectorSpec& spec, milliseconds interval) {
  return spec.defaults.interval == milliseconds(second)
             ? interval
             : std::max(spec.defaults.interval, interval);
}

}  // namespace

void add_collector_settings(const CollectorSpec& spec, std::vector<Setting>& table) {
  const CollectorSettings& defaults = spec.defaults;
  const auto key = [&](std::string_view name) {
    return concat("collectors.", spec.name, ".", name);
  };
  table.push_back({.key = key("enabled"),
                   .type = Type::flag,
                   .fallback = defaults.enabled ? "true" : "false",
                   .help = concat("Reads ", spec.source, ".")});
  table.push_back({.key = key("interval"),
                   .type = Type::duration,
                   .fallback = duration_text(defaults.interval),
                   .help = "How often; not below `interval` unless set here.",
                   .min = 100,
                   .max = day});
  table.push_back({.key = key("deadline"),
                   .type = Type::duration,
                   .fallback = duration_text(defaults.deadline),
                   .help = "A run that takes longer has failed.",
                   .min = 10,
                   .max = 600 * second});
  if (!defaults.socket.empty()) {
    table.push_back({.key = key("socket"),
                     .fallback = defaults.socket,
                     .help = "Unix socket of the service.",
                     .required = true});
  }
  if (!defaults.command.empty()) {
    table.push_back({.key = key("command"),
                     .fallback = defaults.command,
                     .help = "Program to run.",
                     .required = true});
  }
  if (!defaults.url.empty()) {
    table.push_back({.key = key("url"),
                     .fallback = defaults.url,
                     .help = "Server to ask, plain HTTP on this node; \"\" for none."});
  }
  if (!defaults.targets.empty()) {
    std::string fallback;
    for (const auto& target : defaults.targets) {
      fallback += concat(fallback.empty() ? "" : ",", target);
    }
    table.push_back({.key = key("targets"),
                     .type = Type::list,
                     .fallback = fallback,
                     .help = "Whom to reach: broker, host:port or name=host:port; at most 16."});
  }
  table.push_back({.key = key("max_processes"),
                   .type = Type::integer,
                   .fallback = std::to_string(defaults.max_processes),
                   .help = "Largest processes to report, where processes are reported.",
                   .min = 0,
                   .max = 1000});
  for (auto& setting : foreign_settings(spec)) table.push_back(std::move(setting));
}

CollectorSettings finalise_collector(const Settings& settings, const CollectorSpec& spec,
                                     milliseconds interval) {
  const auto key = [&](std::string_view name) {
    return concat("collectors.", spec.name, ".", name);
  };
  CollectorSettings chosen = spec.defaults;
  chosen.enabled = settings.flag(key("enabled"));
  chosen.interval = settings.is_set(key("interval"))
                        ? milliseconds(settings.integer(key("interval")))
                        : inherited_interval(spec, interval);
  chosen.deadline = milliseconds(settings.integer(key("deadline")));
  if (!chosen.socket.empty()) chosen.socket = settings.text(key("socket"));
  if (!chosen.command.empty()) chosen.command = settings.text(key("command"));
  if (!chosen.url.empty()) chosen.url = settings.text(key("url"));
  if (!chosen.targets.empty()) chosen.targets = settings.list(key("targets"));
  chosen.max_processes = static_cast<std::size_t>(settings.integer(key("max_processes")));
  return chosen;
}

}  // namespace godwit
