// The settings that say how readings leave the node: `transport` and eventbus.*, and the link that
// they ask for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport/link.h"
#include "transport/mqtt_link.h"
#include "transport/settings.h"

namespace godwit {

struct WaySettings {
  // broker and edgemesh are the same link; edgemesh says what the broker's name means.
  enum class Transport : std::uint8_t { broker, edgemesh, eventbus, automatic };
  Transport transport = Transport::broker;
  MqttOptions mqtt;  // of the broker, without will; not used by eventbus

  // KubeEdge's EventBus.
  MqttOptions eventbus_external;  // the broker beside edgecore
  MqttOptions eventbus_internal;  // the one in it
  std::string up_topic, down_topic;
  std::string key_file, master_key_file;

  [[nodiscard]] bool uses_eventbus() const {
    return transport == Transport::eventbus || transport == Transport::automatic;
  }
  // For people: where readings go.
  [[nodiscard]] std::string describe() const;
};

std::vector<Setting> way_settings_table();

// false in `enabled`: nothing is to be sent (mqtt.url is empty and EventBus not asked for).
struct FinalWay {
  bool enabled = false;
  WaySettings way;
};
Result<FinalWay> finalise_way(const Settings& settings, const std::string& node);

// `will`: what a broker publishes when the agent dies.
struct LinkIdentity {
  std::string node;
  std::string boot_id;
  std::uint64_t session = 0;
  std::optional<Message> will;
};
// Whether the key of the node can be read; good where none is needed.
Status check_node_key(const WaySettings& way, const std::string& node);
std::unique_ptr<Link> make_link(const WaySettings& way, const LinkIdentity& identity);

}  // namespace godwit
