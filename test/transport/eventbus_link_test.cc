// EventbusLink on a local broker; the test plays KubeEdge and the relay behind it.
#include "transport/eventbus_link.h"

#include <thread>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "test/transport/link_contract.h"
#include "transport/clock.h"
#include "transport/envelope.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;
using namespace godwit::test;
using Type = LinkEvent::Type;

namespace {

const std::string key = "key of edge-1";
const NodeKey known_key = [](std::string_view) { return Result<std::string>(key); };

EventbusOptions quick_options() {
  EventbusOptions options;
  options.node = "edge-1";
  options.boot_id = "boot";
  options.session = 42;
  options.key = [] { return Result<std::string>(key); };
  options.interval_ms = 20;
  options.first_status_ms = 50;
  options.status_interval_ms = 60'000;
  return options;
}

// The node's broker with the link under test, and what KubeEdge would carry off.
struct Node {
  LoopbackBroker broker;
  Recorder cloud_seen;
  std::unique_ptr<Link> cloud;
  Recorder seen;
  std::unique_ptr<Link> link;

  explicit Node(EventbusOptions options = quick_options()) {
    cloud = broker.make_link({.client_id = "eventbus"});
    REQUIRE(cloud->subscribe("+/user/#", Qos::at_least_once).ok());
    REQUIRE(cloud->start(cloud_seen.handler()).ok());
    link = make_eventbus_link(broker.make_link({.client_id = "agent"}), std::move(options));
    REQUIRE(link->start(seen.handler()).ok());
    REQUIRE(seen.wait_for(Type::connected));
  }

  [[nodiscard]] std::vector<Envelope> envelopes() const {
    std::vector<Envelope> all;
    for (const auto& message : cloud_seen.messages()) {
      CHECK(message.topic == "default/user/godwit/up");
      auto opened = open_envelope(message.payload, Envelope::Direction::up, known_key);
      REQUIRE(opened.ok());
      all.push_back(std::move(*opened));
    }
    return all;
  }
  void answer(std::uint64_t seq, EnvelopePart part, const std::string& with_key = key,
              std::uint64_t session = 42) {
    Envelope envelope;
    envelope.direction = Envelope::Direction::down;
    envelope.node = "edge-1";
    envelope.boot_id = "boot";
    envelope.session = session;
    envelope.seq = seq;
    envelope.parts.push_back(std::move(part));
    REQUIRE(
        cloud->publish("godwit/down", seal_envelope(envelope, with_key), Qos::at_least_once, false)
            .ok());
  }
  [[nodiscard]] Status publish(const std::string& topic, const std::string& payload) const {
    return link->publish(concat("godwit/v1/edge-1/", topic), payload, Qos::at_least_once, false);
  }
};

}  // namespace

TEST_CASE("an eventbus link gathers what waits into one envelope after the other") {
  EventbusOptions options = quick_options();
  options.interval_ms = 200;
  Node node(options);
  REQUIRE(node.publish("schema/0123456789abcdef", "schema").ok());
  REQUIRE(eventually([&] { return node.cloud_seen.count(Type::message) == 1; }));
  REQUIRE(node.publish("schema/00000000000000ff", "second").ok());
  REQUIRE(node.publish("up", "old").ok());
  REQUIRE(node.publish("up", "new").ok());
  REQUIRE(eventually([&] { return node.cloud_seen.count(Type::message) == 2; }));
  const auto envelopes = node.envelopes();
  CHECK(envelopes[0].seq == 1);
  CHECK(envelopes[1].seq == 2);
  CHECK(envelopes[1].session == 42);
  CHECK(envelopes[1].parts ==
        std::vector<EnvelopePart>{{"schema/00000000000000ff", "second"}, {"up", "new"}});
}

TEST_CASE("an eventbus link splits what is too much for one envelope and refuses what never fits") {
  Node node;
  const std::string big(30'000, 'x');
  REQUIRE(node.publish("schema/0000000000000001", big).ok());
  REQUIRE(node.publish("schema/0000000000000002", big).ok());
  REQUIRE(node.publish("up", big).ok());
  REQUIRE(eventually([&] {
    std::size_t parts = 0;
    for (const auto& envelope : node.envelopes()) parts += envelope.parts.size();
    return parts == 3;
  }));
  CHECK(node.envelopes().back().parts.front().topic == "up");
  const Status refused = node.publish("up", std::string(max_envelope_content, 'x'));
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::invalid);
}

TEST_CASE("an eventbus link hands over what a relay answers, and nothing else") {
  Node node;
  REQUIRE(node.publish("up", "frame").ok());
  REQUIRE(node.cloud_seen.wait_for_messages(1));
  node.answer(1, {"down", "forged"}, "another key");
  node.answer(1, {"down", "to an earlier life"}, key, 41);
  node.answer(99, {"down", "to nothing that was sent"});
  node.answer(1, {"status", "no business of ours"});
  node.answer(1, {"down", "ack"});
  node.answer(1, {"relay", "state"});
  REQUIRE(node.seen.wait_for_messages(2));
  const auto messages = node.seen.messages();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].topic == topics::down("edge-1"));
  CHECK(messages[0].payload == "ack");
  CHECK(messages[1].topic == topics::relay);
  CHECK(messages[1].payload == "state");
}

TEST_CASE("an eventbus link says again that the node is there until a relay answers") {
  Node node;
  REQUIRE(node.publish("status", "birth").ok());
  REQUIRE(node.cloud_seen.wait_for_messages(3));
  node.answer(1, {"relay", "state"});
  REQUIRE(node.seen.wait_for_messages(1));
  const std::size_t sent = node.cloud_seen.count(Type::message);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  CHECK(node.cloud_seen.count(Type::message) <= sent + 1);
}

TEST_CASE("present readings stay at the node's broker") {
  Node node;
  REQUIRE(node.link->publish("godwit/v1/edge-1/latest/cpu", "now", Qos::at_most_once, true).ok());
  Recorder late;
  auto reader = node.broker.make_link({.client_id = "reader"});
  REQUIRE(reader->subscribe("godwit/v1/+/latest/+", Qos::at_least_once).ok());
  REQUIRE(reader->start(late.handler()).ok());
  REQUIRE(late.wait_for_messages(1));
  CHECK(late.messages().front().retained);
  CHECK(node.cloud_seen.messages().empty());
}

TEST_CASE("an eventbus link forgets what waits when the broker goes, and sends its last words") {
  EventbusOptions options = quick_options();
  options.interval_ms = 600;
  Node node(options);
  const std::int64_t start_ms = steady_ms();
  REQUIRE(node.publish("up", "one").ok());
  REQUIRE(node.cloud_seen.wait_for_messages(1));
  REQUIRE(node.publish("up", "two").ok());
  node.broker.down();
  REQUIRE(node.seen.wait_for(Type::disconnected));
  const Status refused = node.publish("up", "three");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::unavailable);
  node.broker.up();
  REQUIRE(node.seen.wait_for(Type::connected, 2));
  REQUIRE(node.publish("status", "death").ok());
  node.link->stop(5000);
  REQUIRE(node.cloud_seen.wait_for_messages(2));
  CHECK(node.envelopes().back().parts == std::vector<EnvelopePart>{{"status", "death"}});
  // Neither a new connection nor the end is sent faster than the rest.
  CHECK(steady_ms() - start_ms >= 600);
}

TEST_CASE("an eventbus link counts what crosses the node's link, not the local broker's traffic") {
  Node node;
  REQUIRE(node.publish("latest/cpu", std::string(5000, 'x')).ok());
  REQUIRE(node.publish("up", "readings").ok());
  REQUIRE(node.cloud_seen.wait_for_messages(1));
  const std::size_t sent_bytes = node.cloud_seen.messages().front().payload.size();
  node.answer(1, {"down", "ack"});
  REQUIRE(node.seen.wait_for_messages(1));
  REQUIRE(eventually([&] { return node.link->stats().sent_messages == 1; }));
  const LinkStats stats = node.link->stats();
  CHECK(stats.connected);
  CHECK(stats.sent_payload_bytes == sent_bytes);
  CHECK(stats.sent_wire_bytes > sent_bytes);
  CHECK(stats.sent_wire_bytes < sent_bytes + 1000);
  CHECK(stats.received_messages == 1);
  CHECK(stats.received_wire_bytes > stats.received_payload_bytes);
}
