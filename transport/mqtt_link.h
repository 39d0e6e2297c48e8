// MqttLink: a Link over MQTT 5 or 3.1.1. mqtt_link.cc is its thread and loop;
// libmosquitto is confined to mqtt_session.cc.
//
// Own poll loop on own thread (mosquitto_loop_read/write/misc), publishes
// only between CONNACK and disconnect so that nothing queues inside the library. TLS files are read
// anew at each connect, so that rotated certificates take effect. An attempt to connect that fails
// is told as a `disconnected` event too. No event follows stop().
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "transport/link.h"
#include "transport/reconnect_pace.h"

namespace godwit {

struct MqttTls {
  bool enabled = false;
  std::string ca_file;    // empty: the system's store
  std::string cert_file;  // with key_file: mutual TLS
  std::string key_file;
  bool insecure_skip_verify = false;
};

struct MqttOptions {
  std::string host = "127.0.0.1";
  int port = 1883;
  std::string client_id;  // unique at the broker
  int version = 5;        // 5 or 4 (3.1.1)
  std::string username;
  std::string password;
  std::string password_file;  // read anew at each connect; wins over `password`
  MqttTls tls;
  int keepalive_s = 20;
  bool clean_start = true;
  std::int64_t connect_timeout_ms = 10'000;  // TCP + TLS + CONNACK
  ReconnectLimits reconnect;
  std::size_t max_in_flight = 20;            // publishes that wait for their PUBACK
  std::size_t max_message_bytes = 2U << 20;  // incoming; larger ones are counted and dropped
  // Published by the broker when this client dies without a DISCONNECT.
  std::optional<Message> will;  // `retained` is its retain flag
};

std::unique_ptr<Link> make_mqtt_link(MqttOptions options);

// "mqtt://host[:port]" or "mqtts://host[:port]" into host, port, tls.enabled of `options`.
Status parse_mqtt_url(std::string_view url, MqttOptions& options);

// Options that can never work are ErrorCode::invalid.
Status check_mqtt_options(const MqttOptions& options);

}  // namespace godwit
