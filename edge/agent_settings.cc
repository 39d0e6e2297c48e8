#include "edge/agent_settings.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "edge/accelerators.h"
#include "edge/collector_settings.h"
#include "edge/foreign_settings.h"
#include "transport/mqtt_settings.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using Type = SettingType;

constexpr std::int64_t kib = 1024;
constexpr std::int64_t second = 1000;
constexpr std::int64_t day = 86'400 * second;

std::vector<Setting> node_settings() {
  return {
      {.key = "node.name",
       .help = "Name of this node in topics and labels; the host's name if not set.",
       .other_env = "NODE_NAME"},
      {.key = "node.pod",
       .help = "Pod that the agent runs in, for the name sets of exporters that are pods.",
       .other_env = "POD_NAME"},
      {.key = "node.namespace", .help = "Namespace of that pod.", .other_env = "POD_NAMESPACE"},
      {.key = "nfd.file",
       .help = "File in node-feature-discovery's features.d that says what accelerators the node "
               "has; \"\" for none."},
      {.key = "publish.latest",
       .type = Type::flag,
       .fallback = "false",
       .help = "Also publish the present readings of each collector, retained."},
      {.key = "http.listen",
       .fallback = "127.0.0.1:9750",
       .help = "Address of /metrics, /healthz, /readyz and /debug; \"\" switches it off."},
      {.key = "http.naming",
       .type = Type::list,
       .fallback = "canonical",
       .help = "Name sets that /metrics shows.",
       .choices = naming_choices()},
  };
}

std::vector<Setting> common_settings() {
  return {
      {.key = "interval",
       .type = Type::duration,
       .fallback = "1s",
       .help = "Period of every collector that has none of its own. INTERVAL is in seconds.",
       .min = 100,
       .max = day,
       .other_env = "INTERVAL"},
      {.key = "flush_interval",
       .type = Type::duration,
       .fallback = "10s",
       .help = "How long ticks are gathered into one frame before it is stored and sent.",
       .min = 100,
       .max = 600 * second},
      {.key = "root", .fallback = "/", .help = "Where the host's /proc, /sys and /run hang."},
      {.key = "log.level",
       .type = Type::choice,
       .fallback = "info",
       .help = "Least level shown.",
       .choices = {"debug", "info", "warning", "error", "off"}},
      {.key = "log.format",
       .type = Type::choice,
       .fallback = "text",
       .help = "Lines for people or for machines.",
       .choices = {"text", "json"}},
      {.key = "truth_log",
       .help = "For tests: file to which every tick is appended as taken (one JSON line)."},
      {.key = "clock_file", .help = "For tests: file that says what time it is."},
  };
}

std::vector<Setting> buffer_settings() {
  return {
      {.key = "buffer.path",
       .fallback = "/var/lib/godwit/buffer.db",
       .help = "SQLite file of readings that wait for delivery; \"\" keeps them in RAM."},
      {.key = "buffer.max_bytes",
       .type = Type::bytes,
       .fallback = "512MiB",
       .help = "Size near which old readings are thinned, and at last given up.",
       .min = 256 * kib},
      {.key = "buffer.max_age",
       .type = Type::duration,
       .fallback = "90d",
       .help = "Age at which readings are given up.",
       .min = 60 * second},
      {.key = "buffer.durability",
       .type = Type::choice,
       .fallback = "balanced",
       .help = "balanced: a kill costs at most one tick, a power cut buffer.sync_interval. strict: "
               "neither more than one tick. spare-flash: both what is in RAM, and nothing is "
               "written while all is delivered.",
       .choices = {"balanced", "strict", "spare-flash"}},
      {.key = "buffer.sync_interval",
       .type = Type::duration,
       .fallback = "10s",
       .help = "balanced: readings that a power cut may cost at most; 0s syncs every frame.",
       .min = 0,
       .max = 600 * second},
      {.key = "buffer.grace",
       .type = Type::duration,
       .fallback = "60s",
       .help = "spare-flash: how long readings may wait for delivery in RAM only.",
       .min = 1 * second,
       .max = day},
  };
}

Durability durability_of(std::string_view choice) {
  for (const auto known : {Durability::strict, Durability::spare_flash}) {
    if (choice == durability_name(known)) return known;
  }
  return Durability::balanced;
}

}  // namespace

std::vector<std::string> accelerator_sources(const AgentSettings& settings) {
  std::vector<std::string> names;
  for (const auto& choice : settings.collectors) {
    if (is_accelerator_source(choice.spec->name)) names.emplace_back(choice.spec->name);
  }
  return names;
}

std::vector<Setting> agent_settings_table(const std::vector<CollectorSpec>& registry) {
  std::vector<Setting> table = node_settings();
  for (auto& setting : common_settings()) table.push_back(std::move(setting));
  auto buffer = buffer_settings();
  std::move(buffer.begin(), buffer.end(), std::back_inserter(table));
  auto mqtt =
      mqtt_settings_table("Broker: mqtt:// or mqtts:// host:port; \"\" only collects and stores.",
                          "Unique at the broker; godwit-agent-<node> if not set.");
  std::move(mqtt.begin(), mqtt.end(), std::back_inserter(table));
  for (auto& setting : way_settings_table()) table.push_back(std::move(setting));
  for (auto& setting : health_settings_table()) table.push_back(std::move(setting));
  auto link = link_settings_table();
  std::move(link.begin(), link.end(), std::back_inserter(table));
  for (const auto& spec : registry) add_collector_settings(spec, table);
  return table;
}

Result<AgentSettings> load_agent_settings(const std::string& path, const Environment& environment,
                                          const std::vector<CollectorSpec>& registry,
                                          const std::string& host_name) {
  const std::vector<Setting> table = agent_settings_table(registry);
  // The older collectors' INTERVAL is a bare number of seconds.
  const Environment in_units = [&](const std::string& name) {
    auto value = environment(name);
    if (name == "INTERVAL" && value && parse_double(*value)) *value += "s";
    return value;
  };
  const auto settings = Settings::load(table, path, in_units);
  if (!settings) return settings.error();
  AgentSettings out;
  out.node = settings->text("node.name");
  if (out.node.empty()) out.node = host_name;
  if (Status status = check_node_name(out.node); !status) {
    return status.error().with_prefix("node.name");
  }
  out.interval_ms = settings->integer("interval");
  out.flush_interval_ms = settings->integer("flush_interval");
  out.buffer_path = settings->text("buffer.path");
  out.buffer.max_bytes = static_cast<std::uint64_t>(settings->integer("buffer.max_bytes"));
  out.buffer.durability = durability_of(settings->text("buffer.durability"));
  out.buffer.sync_interval_ms = settings->integer("buffer.sync_interval");
  out.buffer.grace_ms = settings->integer("buffer.grace");
  out.max_age_ms = settings->integer("buffer.max_age");
  auto way = finalise_way(*settings, out.node);
  if (!way) return way.error();
  out.link_enabled = way->enabled;
  out.way = std::move(way->way);
  out.way.mqtt.reconnect.spread_ms = settings->integer("link.reconnect_spread");
  out.link = finalise_link(*settings);
  out.health = finalise_health(*settings);
  out.npd_socket = settings->text("npd.socket");
  out.feature_file = settings->text("nfd.file");
  out.publish_latest = settings->flag("publish.latest");
  out.http_listen = settings->text("http.listen");
  auto naming = parse_naming(settings->list("http.naming"));
  if (!naming) return naming.error().with_prefix("http.naming");
  out.naming = std::move(*naming);
  out.pod = settings->text("node.pod");
  out.pod_namespace = settings->text("node.namespace");
  out.root = settings->text("root");
  out.log_level = *log::parse_level(settings->text("log.level"));
  out.log_format = *log::parse_format(settings->text("log.format"));
  out.truth_log = settings->text("truth_log");
  out.clock_file = settings->text("clock_file");
  for (const auto& spec : registry) {
    CollectorSettings chosen = finalise_collector(*settings, spec, milliseconds(out.interval_ms));
    if (!chosen.enabled) continue;
    chosen.node = out.node;
    if (out.link_enabled && !out.way.mqtt.host.empty()) {
      chosen.broker = concat(out.way.mqtt.host, ":", out.way.mqtt.port);
    }
    if (const Status status = spec.check ? spec.check(chosen) : Status(); !status) {
      return status.error().with_prefix(concat("collectors.", spec.name));
    }
    auto all = finalise_foreign(*settings, spec, std::move(chosen));
    if (!all) return all.error();
    for (auto& one : *all) out.collectors.push_back({&spec, std::move(one)});
  }
  return out;
}

Environment with_overrides(Environment environment, const SettingOverrides& overrides) {
  return [environment = std::move(environment), overrides](const std::string& name) {
    const std::pair<std::string_view, std::string_view> given[] = {
        {"GODWIT_ROOT", overrides.root},
        {"GODWIT_LOG_LEVEL", overrides.log_level},
        {"GODWIT_LOG_FORMAT", overrides.log_format},
        {"GODWIT_HTTP_LISTEN", overrides.listen},
        {"GODWIT_HTTP_NAMING", overrides.naming},
    };
    for (const auto& [variable, value] : given) {
      if (name == variable && !value.empty()) return std::optional(std::string(value));
    }
    return environment(name);
  };
}

}  // namespace godwit
