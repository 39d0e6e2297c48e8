#include <tuple>

#include <catch2/catch.hpp>

#include "transport/mqtt_link.h"

using namespace godwit;

TEST_CASE("a broker's url gives host, port and TLS") {
  const auto [url, host, port, tls] = GENERATE(table<std::string, std::string, int, bool>({
      {"mqtt://broker", "broker", 1883, false},
      {"mqtts://broker", "broker", 8883, true},
      {"mqtt://10.0.0.1:1884", "10.0.0.1", 1884, false},
      {"mqtts://mqtt.godwit.svc:443/", "mqtt.godwit.svc", 443, true},
      {"mqtt://[2001:db8::1]", "2001:db8::1", 1883, false},
      {"mqtts://[::1]:65535", "::1", 65535, true},
  }));
  MqttOptions options;
  REQUIRE(parse_mqtt_url(url, options).ok());
  CHECK(options.host == host);
  CHECK(options.port == port);
  CHECK(options.tls.enabled == tls);
}

TEST_CASE("a bad url is refused and says what was expected") {
  const std::string url = GENERATE(
      "", "broker", "tcp://broker", "mqtt://", "mqtt://:1883", "mqtt://broker:", "mqtt://broker:0",
      "mqtt://broker:65536", "mqtt://broker:12x", "mqtt://user:secret@broker", "mqtt://broker/path",
      "mqtt://broker?x=1", "mqtt://[::1", "mqtt://[::1]x", "mqtt://[]", "mqtt://a b",
      "MQTT://broker", "mqtt://2001:db8::1");
  MqttOptions options;
  options.host = "before";
  const Status status = parse_mqtt_url(url, options);
  REQUIRE(!status.ok());
  CHECK(status.error().code == ErrorCode::invalid);
  CHECK(status.error().message.find("expected mqtt://host") != std::string::npos);
  CHECK(options.host == "before");
}
