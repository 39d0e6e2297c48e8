// MqttSession: one connection to a broker, from the first SYN to its end. libmosquitto is confined
// to mqtt_session.cc and mqtt_session_events.cc. Used by MqttLink, on the link's thread alone;
// nothing here blocks.
//
// A session is never reused: with a new library instance for each attempt no message of an earlier
// connection is sent again (libmosquitto 2.0.11, message__reconnect_reset), and TLS files and the
// password file are read anew.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/link.h"
#include "transport/mqtt_link.h"
#include "transport/mqtt_outbox.h"
#include "transport/resolve.h"

struct mosquitto;
struct mosquitto_message;

namespace godwit {

// The largest packet that MQTT can name.
inline constexpr std::size_t mqtt_max_packet = 268'435'455;

using Subscription = std::pair<std::string, Qos>;  // filter

struct MqttSessionEvents {
  // CONNACK came; the broker takes messages of up to `max_bytes`. Returns what to subscribe to.
  std::function<std::vector<Subscription>(std::size_t max_bytes)> connected;
  std::function<void(Message&&)> message;
  std::function<void()> refused;    // an incoming message was over the size bound
  std::function<void()> confirmed;  // one publish() is done with: PUBACK, or written for QoS 0
};

class MqttSession {
 public:
  // Starts to connect to `address` of options.host.
  static Result<std::unique_ptr<MqttSession>> open(const MqttOptions& options,
                                                   const Address& address,
                                                   MqttSessionEvents events);
  MqttSession(const MqttSession&) = delete;
  MqttSession& operator=(const MqttSession&) = delete;
  ~MqttSession();

  // For poll(): the socket, -1 when it is closed, and the events to wait for.
  [[nodiscard]] int fd() const;
  [[nodiscard]] short poll_events() const;
  // How long poll() may sleep so that keepalives are in time.
  [[nodiscard]] int poll_timeout_ms() const;

  // Does what `revents` of poll() calls for, and keepalives. Error: the session is over, and why.
  Status step(short revents);

  [[nodiscard]] bool connected() const { return connected_; }
  // The broker did not want this client, or the client this broker: not likely to pass by itself.
  [[nodiscard]] bool turned_away() const;
  // Why the time for connecting was not enough.
  [[nodiscard]] std::string describe_timeout() const;

  Status publish(const OutboundMessage& message);
  Status subscribe(const Subscription& subscription);
  // Queues DISCONNECT; fd() becomes -1 when it is written.
  void disconnect();

  // What MQTT allows as a topic to publish to and as a filter. Any thread.
  static Status check_topic(std::string_view topic);
  static Status check_filter(std::string_view filter);

 private:
  MqttSession(const MqttOptions& options, MqttSessionEvents events);
  Status configure();
  Status configure_tls();
  Status configure_password();
  Status configure_properties();
  Status connect(const Address& address);
  int read_packets();
  [[nodiscard]] Error failure(int rc, int system_error) const;
  [[nodiscard]] std::string failure_text(std::string_view text) const;

  void on_connect(int code, const void* properties);
  void on_message(const mosquitto_message& message);
  void on_suback(int mid, int count, const int* granted);
  void on_publish(int code);
  void set_callbacks();

  const MqttOptions& options_;
  MqttSessionEvents events_;
  mosquitto* client_ = nullptr;
  bool connected_ = false;
  bool tcp_up_ = false;
  int keepalive_s_;
  int connack_code_ = 0;
  int disconnect_code_ = 0;  // reason code of the broker's DISCONNECT
  bool told_refused_publish_ = false;
  std::string first_error_;  // first error line of the library
  std::vector<std::pair<int, std::string>> pending_subscriptions_;  // packet id, filter
};

}  // namespace godwit
