// Settings of godwit-agent: the table of keys (transport/settings.h) and the struct that main hands
// to the agent. Everything in it has been checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "edge/collector.h"
#include "edge/health_settings.h"
#include "edge/link_settings.h"
#include "edge/way_settings.h"
#include "transport/log.h"
#include "transport/naming/name_set.h"
#include "transport/settings.h"

namespace godwit {

inline constexpr const char* default_agent_config = "/etc/godwit/agent.yaml";

struct AgentSettings {
  std::string node;
  std::string pod, pod_namespace;  // this agent's own; empty outside of Kubernetes
  std::int64_t interval_ms = 1000;
  std::int64_t flush_interval_ms = 10'000;
  std::string buffer_path;  // empty: in RAM
  BufferLimits buffer;
  std::int64_t max_age_ms = 0;
  bool link_enabled = true;  // false: mqtt.url is empty
  WaySettings way;
  LinkLimits link;
  HealthSettings health;
  std::string npd_socket;    // empty: no external monitor
  std::string feature_file;  // empty: none
  bool publish_latest = false;
  std::string http_listen;  // empty: no server
  Naming naming;            // of /metrics
  std::string root = "/";
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::string truth_log;
  std::string clock_file;

  struct Choice {
    const CollectorSpec* spec = nullptr;
    CollectorSettings settings;
  };
  std::vector<Choice> collectors;  // enabled ones, in the registry's order
};

// The collectors in it that read accelerators.
std::vector<std::string> accelerator_sources(const AgentSettings& settings);

// Every key, those of `registry` included.
std::vector<Setting> agent_settings_table(const std::vector<CollectorSpec>& registry);

// `path` "" for no file. `host_name` is the default of node.name. `registry` must outlive the
// result.
Result<AgentSettings> load_agent_settings(const std::string& path, const Environment& environment,
                                          const std::vector<CollectorSpec>& registry,
                                          const std::string& host_name);

// What the command line may say instead of file and environment.
struct SettingOverrides {
  std::string root{}, log_level{}, log_format{}, listen{}, naming{};  // empty: not given
};
Environment with_overrides(Environment environment, const SettingOverrides& overrides);

}  // namespace godwit
