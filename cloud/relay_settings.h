// Settings of godwit-relay: the table of keys (transport/settings.h) and the struct that main hands
// to the relay. Everything in it has been checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/eventbus_gateway.h"
#include "cloud/guards.h"
#include "cloud/http_client.h"
#include "cloud/kubernetes_client.h"
#include "cloud/node_keeper.h"
#include "cloud/web_settings.h"
#include "cloud/write_request.h"
#include "transport/log.h"
#include "transport/mqtt_settings.h"
#include "transport/settings.h"

namespace godwit {

inline constexpr const char* default_relay_config = "/etc/godwit/relay.yaml";

struct RelaySettings {
  std::string name;            // of this relay, in its state message
  bool broker_enabled = true;  // false: mqtt.url is empty, nodes come through EventBus alone
  MqttOptions mqtt;
  EventbusSettings eventbus;
  KubernetesSettings kubernetes;
  NodePatcherOptions nodes;
  std::string share_group;
  HttpClientOptions remote_write;
  std::size_t connections = 4;  // to the database, each with a thread
  std::int64_t retry_for_ms = 10'000;
  std::size_t max_samples_per_request = 50'000;
  std::int64_t max_wait_ms = 100;
  std::size_t max_queue_bytes = 128U << 20;
  TargetLabels target;
  Naming naming;
  GuardLimits guards;
  enum class OutOfOrder : std::uint8_t { automatic, yes, no };
  OutOfOrder out_of_order = OutOfOrder::automatic;
  HttpClientOptions query;  // the database's API for questions; no URL: it is not asked
  enum class ClockTrust : std::uint8_t { automatic, yes, no };
  ClockTrust clock = ClockTrust::yes;
  std::string http_listen;  // empty: no server
  WebSettings web;
  bool api_from_database = false;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
};

std::vector<Setting> relay_settings_table();

// `path` "" for no file. `host_name` is the default of `name`.
Result<RelaySettings> load_relay_settings(const std::string& path, const Environment& environment,
                                          const std::string& host_name);

// The mqtt.* keys, for every program of the cloud. Several of one name may run at once, so their
// client ids end with something random.
std::vector<Setting> cloud_mqtt_settings();
std::string unique_client_id(const std::string& name);

}  // namespace godwit
