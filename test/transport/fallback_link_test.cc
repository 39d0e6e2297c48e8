#include "transport/fallback_link.h"

#include <catch2/catch.hpp>

#include "test/fakes/loopback_link.h"
#include "test/fakes/recorder.h"
#include "test/support/support.h"

using namespace godwit;
using namespace godwit::test;
using Type = LinkEvent::Type;

namespace {

// Two brokers, a link over both, and a reader at each.
struct World {
  LoopbackBroker first, second;
  Recorder first_seen, second_seen, seen;
  std::unique_ptr<Link> first_reader, second_reader, link;

  explicit World(bool first_is_up, std::int64_t patience_ms = 50) {
    first_reader = reader(first, first_seen);
    second_reader = reader(second, second_seen);
    if (!first_is_up) first.down();
    FallbackOptions options;
    options.first_patience_ms = 50;
    options.patience_ms = patience_ms;
    link = make_fallback_link(
        first.make_link({.client_id = "node"}),
        [this] { return second.make_link({.client_id = "node"}); }, options);
    REQUIRE(link->subscribe("down", Qos::at_least_once).ok());
    REQUIRE(link->start(seen.handler()).ok());
  }
  ~World() { link->stop(0); }

  static std::unique_ptr<Link> reader(LoopbackBroker& broker, Recorder& recorder) {
    auto link = broker.make_link({.client_id = "reader"});
    REQUIRE(link->subscribe("up", Qos::at_least_once).ok());
    REQUIRE(link->start(recorder.handler()).ok());
    return link;
  }
  [[nodiscard]] Status publish(const std::string& payload) const {
    return link->publish("up", payload, Qos::at_least_once, false);
  }
};

}  // namespace

TEST_CASE("the first way is used while it is there") {
  World world(true);
  REQUIRE(world.seen.wait_for(Type::connected));
  REQUIRE(world.publish("a").ok());
  CHECK(world.first_seen.payloads() == std::vector<std::string>{"a"});
  REQUIRE(world.first_reader->publish("down", "ack", Qos::at_least_once, false).ok());
  CHECK(world.seen.payloads() == std::vector<std::string>{"ack"});
  CHECK(world.second_seen.messages().empty());
}

TEST_CASE("the second way takes over when the first does not come, and gives way when it does") {
  World world(false);
  CHECK(world.publish("too early").error().code == ErrorCode::unavailable);
  REQUIRE(world.seen.wait_for(Type::connected));
  REQUIRE(world.publish("a").ok());
  CHECK(world.second_seen.payloads() == std::vector<std::string>{"a"});
  REQUIRE(world.second_reader->publish("down", "ack", Qos::at_least_once, false).ok());
  CHECK(world.seen.payloads() == std::vector<std::string>{"ack"});

  world.first.up();
  REQUIRE(world.seen.wait_for(Type::connected, 2));
  CHECK(world.seen.last_reason() == "edgemesh is back");
  REQUIRE(world.publish("b").ok());
  CHECK(eventually([&] { return world.first_seen.payloads() == std::vector<std::string>{"b"}; }));
  CHECK(world.second_seen.payloads() == std::vector<std::string>{"a"});
  CHECK(world.link->stats().connected);
}

TEST_CASE("a short break of the first way does not change it") {
  World world(true, 60'000);
  REQUIRE(world.seen.wait_for(Type::connected));
  world.first.down();
  REQUIRE(world.seen.wait_for(Type::disconnected));
  CHECK(world.publish("a").error().code == ErrorCode::unavailable);
  world.first.up();
  REQUIRE(world.seen.wait_for(Type::connected, 2));
  CHECK(world.link->stats().connects == 2);
}

TEST_CASE("whichever way breaks, the other is found, again and again") {
  World world(true);
  REQUIRE(world.seen.wait_for(Type::connected));
  for (std::size_t round = 0; round < 5; ++round) {
    world.first.down();
    REQUIRE(world.seen.wait_for(Type::connected, 2 * round + 2));
    REQUIRE(world.publish("second").ok());
    world.first.up();
    REQUIRE(world.seen.wait_for(Type::connected, 2 * round + 3));
    REQUIRE(world.publish("first").ok());
  }
  CHECK(eventually([&] { return world.second_seen.messages().size() == 5; }));
  CHECK(world.seen.count(Type::disconnected) >= 5);
}

TEST_CASE("both ways away: the reasons of both are told") {
  World world(true);
  REQUIRE(world.seen.wait_for(Type::connected));
  world.first.down();
  REQUIRE(world.seen.wait_for(Type::connected, 2));
  world.second.down();
  REQUIRE(world.seen.wait_for_reason("edgemesh: "));
  REQUIRE(world.seen.wait_for_reason("; eventbus: "));
  CHECK(world.publish("a").error().code == ErrorCode::unavailable);
  world.second.up();
  REQUIRE(world.seen.wait_for(Type::connected, 3));
  CHECK(world.publish("a").ok());
}
