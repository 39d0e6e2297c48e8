#include "transport/mqtt_link.h"

#include <mutex>

#include <catch2/catch.hpp>

#include "test/support/mosquitto.h"

using namespace godwit;
using namespace godwit::test;

TEST_CASE("mqtt link sends to itself through mosquitto") {
  const Mosquitto broker;
  MqttOptions options;
  options.port = broker.port();
  options.client_id = "self";
  const auto link = make_mqtt_link(options);
  std::mutex mutex;
  std::string got;
  REQUIRE(link->subscribe("godwit/v1/+/up", Qos::at_least_once).ok());
  REQUIRE(link->start([&](LinkEvent&& event) {
                const std::lock_guard lock(mutex);
                if (event.type == LinkEvent::Type::message) got = event.message.payload;
              })
              .ok());
  REQUIRE(eventually([&] { return link->stats().connected; }));
  REQUIRE(link->publish("godwit/v1/a/up", "hello", Qos::at_least_once, false).ok());
  CHECK(eventually([&] {
    const std::lock_guard lock(mutex);
    return got == "hello";
  }));
  link->stop(1000);
}
