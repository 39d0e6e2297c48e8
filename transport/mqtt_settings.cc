#include "transport/mqtt_settings.h"

namespace godwit {
namespace {

using Type = SettingType;

constexpr std::int64_t second = 1000;

}  // namespace

// clang-format off
std::vector<Setting> mqtt_settings_table(const std::string& url_help,
                                         const std::string& client_id_help) {
  return {
      {.key = "mqtt.url", .fallback = "mqtt://127.0.0.1:1883",
       .help = url_help},
      {.key = "mqtt.version", .type = Type::choice, .fallback = "5",
       .help = "Protocol version.", .choices = {"5", "3.1.1"}},
      {.key = "mqtt.client_id", .help = client_id_help},
      {.key = "mqtt.username", .help = "User at the broker."},
      {.key = "mqtt.password", .help = "Password at the broker.", .secret = true},
      {.key = "mqtt.password_file",
       .help = "File with the password, read at each connect; wins over mqtt.password."},
      {.key = "mqtt.keepalive", .type = Type::duration, .fallback = "20s",
       .help = "A dead connection is noticed after about this time.", .min = 5 * second, .max = 3600 * second},
      {.key = "mqtt.tls.ca", .help = "CA certificates (PEM); the system's if not set."},
      {.key = "mqtt.tls.cert", .help = "Client certificate (PEM), with mqtt.tls.key."},
      {.key = "mqtt.tls.key", .help = "Client key (PEM)."},
  };
}
// clang-format on

Result<MqttOptions> finalise_mqtt(const Settings& settings, const std::string& client_id) {
  MqttOptions mqtt;
  if (Status status = parse_mqtt_url(settings.text("mqtt.url"), mqtt); !status) {
    return status.error().with_prefix("mqtt.url");
  }
  mqtt.version = settings.text("mqtt.version") == "5" ? 5 : 4;
  mqtt.client_id = settings.text("mqtt.client_id");
  if (mqtt.client_id.empty()) mqtt.client_id = client_id;
  mqtt.username = settings.text("mqtt.username");
  mqtt.password = settings.text("mqtt.password");
  mqtt.password_file = settings.text("mqtt.password_file");
  mqtt.keepalive_s = static_cast<int>(settings.integer("mqtt.keepalive") / 1000);
  mqtt.tls.ca_file = settings.text("mqtt.tls.ca");
  mqtt.tls.cert_file = settings.text("mqtt.tls.cert");
  mqtt.tls.key_file = settings.text("mqtt.tls.key");
  if (mqtt.tls.cert_file.empty() != mqtt.tls.key_file.empty()) {
    return Error{ErrorCode::invalid, "mqtt.tls.cert and mqtt.tls.key must be set together"};
  }
  if (!mqtt.tls.enabled && !(mqtt.tls.ca_file.empty() && mqtt.tls.cert_file.empty())) {
    return Error{ErrorCode::invalid,
                 "mqtt.tls.* is set, but mqtt.url is not encrypted: write mqtts://"};
  }
  return mqtt;
}

}  // namespace godwit
