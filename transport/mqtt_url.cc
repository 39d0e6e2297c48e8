#include "transport/mqtt_link.h"
#include "transport/text.h"

namespace godwit {
namespace {

Error bad_url(std::string_view url, std::string_view why) {
  return {ErrorCode::invalid, concat(quote_for_message(url), " ", why,
                                     "; expected mqtt://host[:port] or mqtts://host[:port]")};
}

}  // namespace

Status parse_mqtt_url(std::string_view url, MqttOptions& options) {
  bool tls = false;
  std::string_view rest = url;
  if (rest.starts_with("mqtts://")) {
    tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
  } else {
    return bad_url(url, "does not start with mqtt:// or mqtts://");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    return bad_url(url, "holds a user name or password, which belong into settings of their own");
  }
  if (rest.find_first_of("/?# \t") != std::string_view::npos) {
    return bad_url(url, "has more than host and port");
  }

  std::string_view host = rest;
  std::string_view port_text;
  bool has_port = false;
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  if (rest.starts_with('[')) {
    if (bracket == std::string_view::npos) return bad_url(url, "lacks the ']' of its address");
    host = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad_url(url, "has text behind ']'");
    has_port = !rest.empty();
    port_text = has_port ? rest.substr(1) : rest;
  } else if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port_text = rest.substr(colon + 1);
    has_port = true;
  }
  if (host.empty()) return bad_url(url, "has no host");
  if (host.size() > 253) return bad_url(url, "has a host name over 253 characters");

  int port = tls ? 8883 : 1883;
  if (has_port) {
    const auto number = parse_int<int>(port_text);
    if (!number || *number < 1 || *number > 65535) {
      return bad_url(url, "has a port outside 1 to 65535");
    }
    port = *number;
  }
  options.host = host;
  options.port = port;
  options.tls.enabled = tls;
  return {};
}

Status check_mqtt_options(const MqttOptions& options) {
  const auto invalid = [](std::string_view text) {
    return Error{ErrorCode::invalid, concat("MQTT link: ", text)};
  };
  if (options.host.empty()) return invalid("no host");
  if (options.port < 1 || options.port > 65535) return invalid("port outside 1 to 65535");
  if (options.version != 4 && options.version != 5) {
    return invalid("version is neither 5 nor 4 (3.1.1)");
  }
  if (options.keepalive_s != 0 && (options.keepalive_s < 5 || options.keepalive_s > 65535)) {
    return invalid("keepalive is neither 0 nor 5 to 65535 s");
  }
  if (options.connect_timeout_ms <= 0) return invalid("connect timeout is not positive");
  if (options.reconnect.min_ms <= 0 || options.reconnect.max_ms < options.reconnect.min_ms ||
      options.reconnect.unreachable_max_ms <= 0) {
    return invalid("backoff bounds are not 0 < min <= max");
  }
  if (options.max_in_flight == 0) return invalid("nothing may be in flight");
  if (options.tls.cert_file.empty() != options.tls.key_file.empty()) {
    return invalid("of mqtt.tls.cert_file and mqtt.tls.key_file only one is set");
  }
  return {};
}

}  // namespace godwit
