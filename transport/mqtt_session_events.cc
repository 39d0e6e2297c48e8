// What a broker tells a session: the library's callbacks, and the words for every way to fail.
#include <algorithm>
#include <cerrno>
#include <system_error>

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "transport/log.h"
#include "transport/mqtt_session.h"
#include "transport/text.h"
#include "transport/tls_reason.h"

namespace godwit {
namespace {

// CONNACK codes of MQTT 3.1.1 (1 to 5) and 5 (128 and above).
std::string describe_refusal(int code, int version) {
  const std::string start = "the broker refused the connection: ";
  switch (code) {
    case 4:
    case 5:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
      return start + "not authorised (check mqtt.username and mqtt.password)";
    case 1:
    case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
      return concat(start, "it does not speak MQTT ", version == 5 ? "5" : "3.1.1",
                    " (check mqtt.version)");
    case 2:
    case MQTT_RC_CLIENTID_NOT_VALID:
      return start + "client id not valid (check mqtt.client_id)";
    default:
      return concat(start,
                    version == 5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code));
  }
}

}  // namespace

std::string MqttSession::failure_text(std::string_view text) const {
  return concat("MQTT broker ", options_.host, ":", options_.port, ": ", text);
}

bool MqttSession::turned_away() const {
  return connack_code_ != 0 || disconnect_code_ != 0 ||
         (options_.tls.enabled && !connected_ &&
          !describe_certificate_problem(mosquitto_ssl_get(client_)).empty());
}

Error MqttSession::failure(int rc, int system_error) const {
  const auto unavailable = [this](std::string_view text) {
    return Error{ErrorCode::unavailable, failure_text(text)};
  };
  if (connack_code_ != 0) return unavailable(describe_refusal(connack_code_, options_.version));
  if (disconnect_code_ == MQTT_RC_SESSION_TAKEN_OVER) {
    return unavailable(concat("another client connected with this client id, ",
                              quote_for_message(options_.client_id)));
  }
  if (disconnect_code_ != 0) {
    return unavailable(
        concat("the broker ended the connection: ", mosquitto_reason_string(disconnect_code_)));
  }
  if (options_.tls.enabled && !connected_) {
    const std::string problem = describe_certificate_problem(mosquitto_ssl_get(client_));
    if (!problem.empty()) return unavailable(problem);
    if (!first_error_.empty()) return unavailable(concat("TLS failed: ", first_error_));
  }
  const bool reset = rc == MOSQ_ERR_ERRNO && (system_error == ECONNRESET || system_error == EPIPE);
  switch (reset ? MOSQ_ERR_CONN_LOST : rc) {
    case MOSQ_ERR_ERRNO:
      return unavailable(std::generic_category().message(system_error));
    case MOSQ_ERR_EAI:
      return unavailable("the host name cannot be resolved");
    case MOSQ_ERR_KEEPALIVE:
      return unavailable(concat("no sign of life within the keepalive of ", keepalive_s_, " s"));
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_CONN_LOST:
      if (connected_)
        return unavailable(
            "the connection was closed by the other side (when this repeats, another client may "
            "use the same client id)");
      return unavailable(
          concat("the connection was closed before CONNACK (the broker behind a proxy "
                 "is down, or does not speak MQTT ",
                 options_.version == 5 ? "5" : "3.1.1", ": check mqtt.version)"));
    default:
      return unavailable(mosquitto_strerror(rc));
  }
}

void MqttSession::on_connect(int code, const void* properties) {
  if (code != 0) {
    connack_code_ = code;
    return;
  }
  const auto* const list = static_cast<const mosquitto_property*>(properties);
  std::uint16_t keepalive = 0;
  std::uint32_t max_packet = 0;
  if (mosquitto_property_read_int16(list, MQTT_PROP_SERVER_KEEP_ALIVE, &keepalive, false)) {
    keepalive_s_ = keepalive;
  }
  std::size_t max_bytes = mqtt_max_packet;
  if (mosquitto_property_read_int32(list, MQTT_PROP_MAXIMUM_PACKET_SIZE, &max_packet, false)) {
    max_bytes = std::min<std::size_t>(max_packet, max_bytes);
  }
  connected_ = true;
  // Fixed header, topic length, packet id and an empty property list.
  constexpr std::size_t header_bytes = 16;
  for (const Subscription& subscription :
       events_.connected(max_bytes - std::min(max_bytes, header_bytes))) {
    // Fails only when the connection does, which step() reports.
    (void)subscribe(subscription);
  }
}

void MqttSession::on_message(const mosquitto_message& message) {
  const auto size = static_cast<std::size_t>(message.payloadlen);
  if (size > options_.max_message_bytes) {
    events_.refused();
    return;
  }
  events_.message({message.topic, std::string(static_cast<const char*>(message.payload), size),
                   message.retain});
}

void MqttSession::on_suback(int mid, int count, const int* granted) {
  const auto found = std::find_if(pending_subscriptions_.begin(), pending_subscriptions_.end(),
                                  [mid](const auto& entry) { return entry.first == mid; });
  if (found == pending_subscriptions_.end()) return;
  if (count > 0 && granted[0] >= 128) {
    log::warning("mqtt", "the broker refused a subscription: check its access rules",
                 {{"filter", found->second}, {"reason", mosquitto_reason_string(granted[0])}});
  }
  pending_subscriptions_.erase(found);
}

void MqttSession::on_publish(int code) {
  if (code >= 128 && !told_refused_publish_) {
    told_refused_publish_ = true;
    log::warning("mqtt", "the broker refused a message: check its access rules",
                 {{"reason", mosquitto_reason_string(code)}});
  }
  events_.confirmed();
}

void MqttSession::set_callbacks() {
  using Self = MqttSession;
  mosquitto_connect_v5_callback_set(
      client_, [](mosquitto*, void* self, int code, int, const mosquitto_property* properties) {
        static_cast<Self*>(self)->on_connect(code, properties);
      });
  mosquitto_disconnect_v5_callback_set(
      client_, [](mosquitto*, void* self, int code, const mosquitto_property*) {
        if (code >= 128) static_cast<Self*>(self)->disconnect_code_ = code;
      });
  mosquitto_message_callback_set(client_,
                                 [](mosquitto*, void* self, const mosquitto_message* message) {
                                   static_cast<Self*>(self)->on_message(*message);
                                 });
  mosquitto_subscribe_callback_set(
      client_, [](mosquitto*, void* self, int mid, int count, const int* granted) {
        static_cast<Self*>(self)->on_suback(mid, count, granted);
      });
  mosquitto_publish_v5_callback_set(
      client_, [](mosquitto*, void* self, int, int code, const mosquitto_property*) {
        static_cast<Self*>(self)->on_publish(code);
      });
  mosquitto_log_callback_set(client_, [](mosquitto*, void* self, int level, const char* text) {
    auto& first = static_cast<Self*>(self)->first_error_;
    if (level == MOSQ_LOG_ERR && first.empty()) first = text;
  });
}

}  // namespace godwit
