#include "edge/way_settings.h"

#include <utility>

#include "transport/envelope.h"
#include "transport/eventbus_link.h"
#include "transport/fallback_link.h"
#include "transport/mqtt_settings.h"
#include "transport/secret_file.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Type = SettingType;
using Transport = WaySettings::Transport;

constexpr std::size_t min_key_bytes = 16;
// A broker on the node itself answers at once or is not there.
constexpr std::int64_t local_patience_ms = 3000;

bool is_topic_path(std::string_view path) {
  return !path.empty() && path.find_first_of(" +#") == std::string_view::npos &&
         !path.starts_with('/') && !path.ends_with('/') &&
         path.find("//") == std::string_view::npos;
}

Result<MqttOptions> local_broker(const std::string& url, const std::string& client_id) {
  MqttOptions options;
  if (Status status = parse_mqtt_url(url, options); !status) return status.error();
  options.client_id = client_id;
  options.version = 4;  // the broker inside edgecore closes a connection of MQTT 5
  return options;
}

Status finalise_eventbus(const Settings& settings, const std::string& node, WaySettings& way) {
  const std::string client_id = concat("godwit-agent-", node);
  auto external = local_broker(settings.text("eventbus.external_url"), client_id);
  if (!external) return external.error().with_prefix("eventbus.external_url");
  auto internal = local_broker(settings.text("eventbus.internal_url"), client_id);
  if (!internal) return internal.error().with_prefix("eventbus.internal_url");
  way.eventbus_external = std::move(*external);
  way.eventbus_internal = std::move(*internal);
  const std::string up = settings.text("eventbus.up_topic");
  way.down_topic = settings.text("eventbus.down_topic");
  if (!is_topic_path(up) || !is_topic_path(way.down_topic)) {
    return Error{ErrorCode::invalid,
                 "eventbus.up_topic and eventbus.down_topic must be topics such as godwit/up"};
  }
  // Topics below <namespace>/user/ are the ones that EventBus always forwards.
  way.up_topic = concat(settings.text("eventbus.namespace"), "/user/", up);
  way.key_file = settings.text("eventbus.key_file");
  way.master_key_file = settings.text("eventbus.master_key_file");
  if (way.key_file.empty() && way.master_key_file.empty()) {
    return Error{
        ErrorCode::invalid,
        "transport eventbus needs eventbus.key_file or eventbus.master_key_file: without a "
        "key the relay cannot tell who speaks"};
  }
  return {};
}

Result<std::string> read_node_key(const WaySettings& way, const std::string& node) {
  const bool is_own = !way.key_file.empty();
  const std::string& path = is_own ? way.key_file : way.master_key_file;
  auto key = read_secret_file(path);
  if (!key) return key;
  if (key->size() < min_key_bytes) {
    return Error{ErrorCode::invalid, concat(path, ": a key has at least 16 bytes")};
  }
  return is_own ? std::move(*key) : derive_node_key(*key, node);
}

std::unique_ptr<Link> make_eventbus(const WaySettings& way, const LinkIdentity& identity) {
  EventbusOptions options;
  options.node = identity.node;
  options.boot_id = identity.boot_id;
  options.session = identity.session;
  options.up_topic = way.up_topic;
  options.down_topic = way.down_topic;
  options.key = [way, node = identity.node] { return read_node_key(way, node); };
  FallbackOptions brokers;
  brokers.first_name = "EventBus's external broker";
  brokers.second_name = "EventBus's internal broker";
  brokers.first_patience_ms = brokers.patience_ms = local_patience_ms;
  return make_eventbus_link(
      make_fallback_link(
          make_mqtt_link(way.eventbus_external),
          [inner = way.eventbus_internal] { return make_mqtt_link(inner); }, brokers),
      std::move(options));
}

}  // namespace

// clang-format off
std::vector<Setting> way_settings_table() {
  return {
      {.key = "transport", .type = Type::choice, .fallback = "broker",
       .help = "Way to the relay: a broker at mqtt.url, the same through EdgeMesh, KubeEdge's EventBus, or auto: EdgeMesh while it answers, else EventBus.",
       .choices = {"broker", "edgemesh", "eventbus", "auto"}},
      {.key = "eventbus.external_url", .fallback = "mqtt://127.0.0.1:1883",
       .help = "MQTT broker beside edgecore (mqttMode 1 and 2); tried first."},
      {.key = "eventbus.internal_url", .fallback = "mqtt://127.0.0.1:1884",
       .help = "MQTT broker inside edgecore (mqttMode 0 and 1)."},
      {.key = "eventbus.namespace", .fallback = "default",
       .help = "Namespace of the Rules in the cloud.", .required = true},
      {.key = "eventbus.up_topic", .fallback = "godwit/up",
       .help = "Readings go to <namespace>/user/<this>.", .required = true},
      {.key = "eventbus.down_topic", .fallback = "godwit/down",
       .help = "Topic on which answers come.", .required = true},
      {.key = "eventbus.key_file",
       .help = "File with this node's key, read at each use; wins over the master key."},
      {.key = "eventbus.master_key_file",
       .help = "File with the key from which every node's is derived."},
  };
}
// clang-format on

Result<FinalWay> finalise_way(const Settings& settings, const std::string& node) {
  FinalWay out;
  const std::string transport = settings.text("transport");
  out.way.transport = transport == "eventbus"   ? Transport::eventbus
                      : transport == "edgemesh" ? Transport::edgemesh
                      : transport == "auto"     ? Transport::automatic
                                                : Transport::broker;
  if (out.way.uses_eventbus()) {
    if (Status status = finalise_eventbus(settings, node, out.way); !status) return status.error();
    out.enabled = true;
    if (out.way.transport == Transport::eventbus) return out;
  }
  if (settings.text("mqtt.url").empty()) {
    if (out.way.transport == Transport::broker) return out;
    return Error{ErrorCode::invalid, concat("transport ", transport, " needs mqtt.url")};
  }
  auto mqtt = finalise_mqtt(settings, concat("godwit-agent-", node));
  if (!mqtt) return mqtt.error();
  out.way.mqtt = std::move(*mqtt);
  out.enabled = true;
  return out;
}

std::string WaySettings::describe() const {
  std::string broker = concat(mqtt.host, ":", mqtt.port);
  switch (transport) {
    case Transport::broker:
      return broker;
    case Transport::edgemesh:
      return concat("EdgeMesh ", broker);
    case Transport::eventbus:
      return concat("EventBus ", up_topic);
    case Transport::automatic:
      break;
  }
  return concat("EdgeMesh ", broker, " or EventBus ", up_topic);
}

Status check_node_key(const WaySettings& way, const std::string& node) {
  if (!way.uses_eventbus()) return {};
  const auto key = read_node_key(way, node);
  return key ? Status() : Status(key.error());
}

std::unique_ptr<Link> make_link(const WaySettings& way, const LinkIdentity& identity) {
  if (way.transport == Transport::eventbus) return make_eventbus(way, identity);
  MqttOptions mqtt = way.mqtt;
  mqtt.will = identity.will;
  auto broker = make_mqtt_link(std::move(mqtt));
  if (way.transport != Transport::automatic) return broker;
  return make_fallback_link(std::move(broker),
                            [way, identity] { return make_eventbus(way, identity); }, {});
}

}  // namespace godwit
