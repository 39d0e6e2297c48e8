#include "transport/mqtt_session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <system_error>

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <sys/socket.h>

#include "transport/log.h"
#include "transport/text.h"
#include "transport/tls_reason.h"

namespace godwit {
namespace {

// What a PUBLISH packet may hold besides the payload that is bounded: topic, properties.
constexpr std::size_t packet_overhead = 66'000;
constexpr std::size_t max_password_bytes = 65'535;
constexpr std::size_t max_topic_bytes = 65'535;
constexpr std::uint32_t session_expiry_s = 3600;
// Packets handled per step(), so that a flood of messages does not keep publishes waiting.
constexpr int packets_per_step = 32;

std::string system_message(int error) { return std::generic_category().message(error); }

Error library_error(std::string_view what, int rc) {
  return {ErrorCode::internal, concat(what, ": ", mosquitto_strerror(rc))};
}

Status check_readable(std::string_view key, const std::string& path) {
  if (path.empty() || std::ifstream(path)) return {};
  return Error{ErrorCode::unavailable, concat("cannot read ", path, " (", key, ")")};
}

}  // namespace

MqttSession::MqttSession(const MqttOptions& options, MqttSessionEvents events)
    : options_(options), events_(std::move(events)), keepalive_s_(options.keepalive_s) {}

MqttSession::~MqttSession() {
  if (client_ != nullptr) mosquitto_destroy(client_);
}

Result<std::unique_ptr<MqttSession>> MqttSession::open(const MqttOptions& options,
                                                       const Address& address,
                                                       MqttSessionEvents events) {
  static std::once_flag library_started;
  std::call_once(library_started, mosquitto_lib_init);
  std::unique_ptr<MqttSession> session(new MqttSession(options, std::move(events)));
  if (Status status = session->configure(); !status) return status.error();
  if (Status status = session->connect(address); !status) return status.error();
  return session;
}

Status MqttSession::configure() {
  const bool has_id = !options_.client_id.empty();
  client_ = mosquitto_new(has_id ? options_.client_id.c_str() : nullptr,
                          options_.clean_start || !has_id, this);
  if (client_ == nullptr) {
    return Error{ErrorCode::internal, concat("mosquitto_new: ", system_message(errno))};
  }
  set_callbacks();
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION,
                       options_.version == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  const auto in_flight = std::min<std::size_t>(options_.max_in_flight, 65'535);
  mosquitto_int_option(client_, MOSQ_OPT_SEND_MAXIMUM, static_cast<int>(in_flight));
  if (options_.will) {
    const Message& will = *options_.will;
    const int rc =
        mosquitto_will_set(client_, will.topic.c_str(), static_cast<int>(will.payload.size()),
                           will.payload.data(), 1, will.retained);
    if (rc != MOSQ_ERR_SUCCESS) return library_error("will", rc);
  }
  if (Status status = configure_password(); !status) return status;
  if (options_.tls.enabled) {
    if (Status status = configure_tls(); !status) return status;
  }
  return options_.version == 5 ? configure_properties() : Status();
}

Status MqttSession::configure_password() {
  std::string password = options_.password;
  if (!options_.password_file.empty()) {
    std::ifstream in(options_.password_file, std::ios::binary);
    if (!in) return check_readable("mqtt.password_file", options_.password_file);
    password.resize(max_password_bytes);
    in.read(password.data(), static_cast<std::streamsize>(password.size()));
    password.resize(static_cast<std::size_t>(in.gcount()));
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
  }
  if (options_.username.empty() && password.empty()) return {};
  const int rc = mosquitto_username_pw_set(client_, options_.username.c_str(), password.c_str());
  if (rc != MOSQ_ERR_SUCCESS) return library_error("mqtt.username and mqtt.password", rc);
  return {};
}

Status MqttSession::configure_tls() {
  const MqttTls& tls = options_.tls;
  if (Status status = check_readable("mqtt.tls.ca_file", tls.ca_file); !status) return status;
  if (Status status = check_readable("mqtt.tls.cert_file", tls.cert_file); !status) return status;
  if (Status status = check_readable("mqtt.tls.key_file", tls.key_file); !status) return status;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
  };
  if (tls.ca_file.empty()) mosquitto_int_option(client_, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
  if (!tls.ca_file.empty() || !tls.cert_file.empty()) {
    // The library wants a CA file or folder here even when the system's store is in use.
    const int rc = mosquitto_tls_set(
        client_, text_or_null(tls.ca_file), tls.ca_file.empty() ? "/etc/ssl/certs" : nullptr,
        text_or_null(tls.cert_file), text_or_null(tls.key_file), nullptr);
    if (rc != MOSQ_ERR_SUCCESS) {
      return library_error("mqtt.tls (cert_file and key_file go together)", rc);
    }
  }
  if (tls.insecure_skip_verify) {
    mosquitto_tls_insecure_set(client_, true);
    mosquitto_tls_opts_set(client_, 0, nullptr, nullptr);
  }
  return {};
}

Status MqttSession::configure_properties() {
  const std::size_t limit = std::min(options_.max_message_bytes + packet_overhead, mqtt_max_packet);
  mosquitto_property* properties = nullptr;
  mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                               static_cast<std::uint32_t>(limit));
  if (!options_.clean_start) {
    mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, session_expiry_s);
  }
  // CONNECT properties can only be given to the call that blocks until TCP is up. Without a host it
  // keeps them and returns at once; the call in connect() then uses them (2.0.11, connect.c).
  const int rc = mosquitto_connect_bind_v5(client_, nullptr, options_.port, options_.keepalive_s,
                                           nullptr, properties);
  mosquitto_property_free_all(&properties);
  if (rc != MOSQ_ERR_INVAL) return library_error("CONNECT properties", rc);
  return {};
}

Status MqttSession::connect(const Address& address) {
  // With TLS the library needs the name, for SNI and to verify it, and resolves it once more; the
  // local address to bind to then holds it to the family of `address`.
  const bool by_name = options_.tls.enabled;
  const char* const any = address.v6 ? "::" : "0.0.0.0";
  const std::string& host = by_name ? options_.host : address.text;
  // The library sets up its part of OpenSSL in the first TLS connect of the process, unguarded
  // (2.0.11, net__init_tls): two links must not both be first.
  static std::mutex first_tls_connect;
  static std::atomic<bool> tls_ready = false;
  std::unique_lock<std::mutex> alone(first_tls_connect, std::defer_lock);
  if (options_.tls.enabled && !tls_ready) alone.lock();
  errno = 0;
  const int rc = mosquitto_connect_bind_async(client_, host.c_str(), options_.port,
                                              options_.keepalive_s, by_name ? any : nullptr);
  if (rc != MOSQ_ERR_SUCCESS) return failure(rc, errno);
  if (options_.tls.enabled) tls_ready = true;
  return {};
}

int MqttSession::fd() const { return mosquitto_socket(client_); }

short MqttSession::poll_events() const {
  // Before CONNACK: once, to learn that TCP is up. During a TLS handshake the library's wish to
  // write does not end with the writing, and would keep poll() from sleeping.
  const bool handshake = options_.tls.enabled && !connected_;
  const bool write = (!connected_ && !tcp_up_) || (!handshake && mosquitto_want_write(client_));
  return static_cast<short>(POLLIN | POLLRDHUP | (write ? POLLOUT : 0));
}

int MqttSession::poll_timeout_ms() const {
  if (keepalive_s_ <= 0) return 60'000;
  return std::clamp(keepalive_s_ * 1000 / 4, 500, 5000);
}

Status MqttSession::step(short revents) {
  constexpr short gone = POLLERR | POLLHUP | POLLRDHUP;
  if (!connected_ && (revents & POLLERR) != 0) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return failure(MOSQ_ERR_ERRNO, error);
  }
  if ((revents & POLLOUT) != 0) tcp_up_ = true;

  int rc = MOSQ_ERR_SUCCESS;
  errno = 0;
  const bool handshake = options_.tls.enabled && !connected_;
  if (revents != 0) rc = read_packets();
  int error = errno;
  if (rc == MOSQ_ERR_SUCCESS && fd() >= 0 && ((revents & POLLOUT) != 0 || handshake)) {
    rc = mosquitto_loop_write(client_, 1);
    error = errno;
  }
  if (rc == MOSQ_ERR_SUCCESS && fd() >= 0) {
    rc = mosquitto_loop_misc(client_);
    error = errno;
  }
  if (rc == MOSQ_ERR_SUCCESS && fd() >= 0 && !connected_ && (revents & gone) != 0) {
    rc = MOSQ_ERR_CONN_LOST;
  }
  if (rc != MOSQ_ERR_SUCCESS || fd() < 0) return failure(rc, error);
  return {};
}

int MqttSession::read_packets() {
  for (int i = 0; i < packets_per_step; ++i) {
    errno = 0;
    const int rc = mosquitto_loop_read(client_, 1);
    if (rc != MOSQ_ERR_SUCCESS || fd() < 0) return rc;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
  }
  return MOSQ_ERR_SUCCESS;
}

Status MqttSession::publish(const OutboundMessage& message) {
  const int rc = mosquitto_publish(client_, nullptr, message.topic.c_str(),
                                   static_cast<int>(message.payload.size()), message.payload.data(),
                                   static_cast<int>(message.qos), message.retain);
  if (rc != MOSQ_ERR_SUCCESS) return failure(rc, errno);
  return {};
}

Status MqttSession::subscribe(const Subscription& subscription) {
  int mid = 0;
  const int rc = mosquitto_subscribe(client_, &mid, subscription.first.c_str(),
                                     static_cast<int>(subscription.second));
  if (rc != MOSQ_ERR_SUCCESS) return failure(rc, errno);
  pending_subscriptions_.emplace_back(mid, subscription.first);
  return {};
}

void MqttSession::disconnect() { mosquitto_disconnect(client_); }

std::string MqttSession::describe_timeout() const {
  return failure_text(tcp_up_ ? concat("no CONNACK within ", options_.connect_timeout_ms,
                                       " ms (the broker behind a proxy may be down)")
                              : concat("no TCP connection within ", options_.connect_timeout_ms,
                                       " ms (address wrong, or a firewall drops packets)"));
}

Status MqttSession::check_topic(std::string_view topic) {
  if (!topic.empty() && topic.size() <= max_topic_bytes &&
      mosquitto_pub_topic_check2(topic.data(), topic.size()) == MOSQ_ERR_SUCCESS &&
      mosquitto_validate_utf8(topic.data(), static_cast<int>(topic.size())) == MOSQ_ERR_SUCCESS) {
    return {};
  }
  return Error{ErrorCode::invalid, concat(quote_for_message(topic), " is no MQTT topic")};
}

Status MqttSession::check_filter(std::string_view filter) {
  if (!filter.empty() && filter.size() <= max_topic_bytes &&
      mosquitto_sub_topic_check2(filter.data(), filter.size()) == MOSQ_ERR_SUCCESS &&
      mosquitto_validate_utf8(filter.data(), static_cast<int>(filter.size())) == MOSQ_ERR_SUCCESS) {
    return {};
  }
  return Error{ErrorCode::invalid, concat(quote_for_message(filter), " is no MQTT topic filter")};
}

}  // namespace godwit
