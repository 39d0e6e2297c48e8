#include "test/transport/link_contract.h"

#include <algorithm>
#include <atomic>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit::test {
namespace {

using Type = LinkEvent::Type;

void check_delivery(LinkWorld& world) {
  SECTION("messages arrive in order") {
    Peer reader(world, {"reader"}, {"t/#"});
    Peer writer(world, {"writer"});
    REQUIRE(reader.ready());
    REQUIRE(writer.ready());
    std::vector<std::string> sent;
    for (int i = 0; i < 200; ++i) {
      sent.push_back(std::to_string(i));
      REQUIRE(writer.publish("t/x", sent.back()).ok());
    }
    REQUIRE(reader.wait_for_payload("199"));
    CHECK(reader.payloads() == sent);
    CHECK(writer.link->stats().sent_messages >= 200);
    CHECK(reader.link->stats().received_messages >= 200);
  }
  SECTION("a payload of any bytes and a megabyte arrives whole") {
    Peer reader(world, {"reader"}, {"t"});
    REQUIRE(reader.ready());
    std::string payload(1U << 20, '\0');
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 31 >> 3);
    REQUIRE(reader.publish("t", payload).ok());
    REQUIRE(reader.wait_for_payload(payload));
    CHECK(reader.link->stats().received_payload_bytes >= payload.size());
  }
  SECTION("an incoming message over the bound is dropped and counted") {
    LinkSpec spec{"reader"};
    spec.max_message_bytes = 1000;
    Peer reader(world, spec, {"t"});
    Peer writer(world, {"writer"});
    REQUIRE(reader.ready());
    REQUIRE(writer.ready());
    REQUIRE(writer.publish("t", std::string(1001, 'x')).ok());
    REQUIRE(writer.publish("t", std::string(1000, 'y')).ok());
    REQUIRE(reader.wait_for_payload(std::string(1000, 'y')));
    CHECK(reader.payloads().size() == 1);
    CHECK(reader.link->stats().refused_messages == 1);
    CHECK(reader.seen.count(Type::disconnected) == 0);
  }
  SECTION("filters with + and # match as MQTT says") {
    Peer reader(world, {"reader"}, {"a/+/c", "b/#"});
    REQUIRE(reader.ready());
    for (const char* const topic : {"a/b/c", "a/b", "a/b/c/d", "b", "b/x/y", "c/b"}) {
      REQUIRE(reader.publish(topic, topic).ok());
    }
    REQUIRE(reader.publish("b/end", "end").ok());
    REQUIRE(reader.wait_for_payload("end"));
    CHECK(reader.payloads() == std::vector<std::string>{"a/b/c", "b", "b/x/y", "end"});
  }
  SECTION("members of a shared subscription share the messages") {
    Peer one(world, {"one"}, {"$share/g/t/+"});
    Peer two(world, {"two"}, {"$share/g/t/+"});
    REQUIRE(one.ready());
    REQUIRE(two.ready());
    for (int i = 0; i < 20; ++i) REQUIRE(one.publish("t/x", std::to_string(i)).ok());
    CHECK(eventually([&] { return one.payloads().size() + two.payloads().size() == 20; }));
    CHECK(!one.payloads().empty());
    CHECK(!two.payloads().empty());
  }
  SECTION("what is no topic and no filter is refused") {
    Peer peer(world, {"peer"});
    REQUIRE(peer.ready());
    CHECK(peer.publish("", "x").error().code == ErrorCode::invalid);
    CHECK(peer.publish("a/+", "x").error().code == ErrorCode::invalid);
    CHECK(peer.link->subscribe("", Qos::at_least_once).error().code == ErrorCode::invalid);
    CHECK(peer.link->subscribe("a/#/b", Qos::at_least_once).error().code == ErrorCode::invalid);
  }
}

void check_retained_and_wills(LinkWorld& world) {
  SECTION("a retained message reaches who comes later, behind the connected event") {
    Peer writer(world, {"writer"}, {"t"});
    REQUIRE(writer.ready());
    REQUIRE(writer.publish("t", "kept", true).ok());
    REQUIRE(writer.wait_for_payload("kept"));
    Peer reader(world, {"reader"}, {"t"});
    REQUIRE(reader.wait_for_payload("kept"));
    CHECK(reader.seen.events().front().type == Type::connected);
    CHECK(reader.seen.messages().front().retained);
    CHECK_FALSE(writer.seen.messages().back().retained);

    REQUIRE(writer.publish("t", "", true).ok());
    REQUIRE(writer.wait_for_payload(""));
    Peer late(world, {"late"}, {"t"});
    REQUIRE(late.ready());
    CHECK(late.payloads().empty());
  }
  SECTION("the will is sent when the connection breaks, not at a clean stop") {
    Peer reader(world, {"reader"}, {"will/#"});
    REQUIRE(reader.ready());
    Peer polite(world, {"polite", Message{"will/polite", "dead", false}});
    REQUIRE(polite.ready());
    polite.link->stop(1000);
    Peer killed(world, {"killed", Message{"will/killed", "dead killed", true}});
    REQUIRE(killed.ready());
    world.cut("killed");
    REQUIRE(reader.wait_for_payload("dead killed"));
    CHECK(reader.payloads().size() == 1);
    Peer late(world, {"late"}, {"will/#"});
    CHECK(late.wait_for_payload("dead killed"));
  }
}

void check_connection(LinkWorld& world) {
  SECTION("a publish without connection is refused and never sent later") {
    world.down();
    Peer peer(world, {"peer"}, {"t"});
    CHECK(peer.publish("t", "lost").error().code == ErrorCode::unavailable);
    world.up();
    REQUIRE(peer.ready());
    REQUIRE(peer.publish("t", "sent").ok());
    REQUIRE(peer.wait_for_payload("sent"));
    CHECK(peer.payloads() == std::vector<std::string>{"sent"});
  }
  SECTION("the link comes back after a restart of the broker and subscribes again") {
    Peer peer(world, {"peer"}, {"t"});
    REQUIRE(peer.ready());
    world.down();
    REQUIRE(peer.seen.wait_for(Type::disconnected));
    CHECK_FALSE(peer.seen.last_reason().empty());
    CHECK(eventually([&] { return !peer.link->stats().connected; }));
    CHECK(peer.publish("t", "lost").error().code == ErrorCode::unavailable);
    world.up();
    REQUIRE(peer.seen.wait_for(Type::connected, 2));
    REQUIRE(peer.ready());
    REQUIRE(peer.publish("t", "back").ok());
    REQUIRE(peer.wait_for_payload("back"));
    CHECK(peer.payloads() == std::vector<std::string>{"back"});
    CHECK(peer.link->stats().connects == 2);
  }
  SECTION("a subscription made while connected works at once and after a reconnect") {
    Peer peer(world, {"peer"});
    REQUIRE(peer.ready());
    REQUIRE(peer.link->subscribe("new", Qos::at_least_once).ok());
    REQUIRE(peer.ready());
    REQUIRE(peer.publish("new", "1").ok());
    REQUIRE(peer.wait_for_payload("1"));
    world.cut("peer");
    REQUIRE(peer.seen.wait_for(Type::connected, 2));
    REQUIRE(peer.ready());
    REQUIRE(peer.publish("new", "2").ok());
    CHECK(peer.wait_for_payload("2"));
  }
  SECTION("what is in flight is bounded") {
    LinkSpec spec{"peer"};
    spec.max_in_flight = 7;
    Peer peer(world, spec, {"t"});
    REQUIRE(peer.ready());
    REQUIRE(eventually([&] {  // the confirmation of ready()'s own message
      return peer.link->publish("probe", "", Qos::at_most_once, false).ok();
    }));
    REQUIRE(peer.ready());
    world.freeze();
    std::size_t taken = 0;
    Status status;
    while (taken < 100) {
      status = peer.link->publish("t", "x", Qos::at_least_once, false);
      if (!status.ok()) break;
      ++taken;
    }
    REQUIRE(!status.ok());
    CHECK(status.error().code == ErrorCode::full);
    CHECK(taken <= 7);
    CHECK(taken >= 5);  // confirmations of ready() may be on their way
    world.thaw();
    REQUIRE(peer.seen.wait_for_messages(taken));
    CHECK(eventually([&] { return peer.link->publish("t", "y", Qos::at_least_once, false).ok(); }));
  }
}

void check_stop(LinkWorld& world) {
  SECTION("stop sends what is queued first") {
    Peer reader(world, {"reader"}, {"t"});
    Peer writer(world, {"writer"});
    REQUIRE(reader.ready());
    REQUIRE(writer.ready());
    for (int i = 0; i < 10; ++i) REQUIRE(writer.publish("t", std::to_string(i)).ok());
    writer.link->stop(10'000);
    CHECK(reader.wait_for_payload("9"));
    CHECK(reader.payloads().size() == 10);
  }
  SECTION("stop ends in time although the broker does not answer, and may be repeated") {
    Peer peer(world, {"peer"});
    REQUIRE(peer.ready());
    world.freeze();
    REQUIRE(peer.publish("t", "x").ok());
    const std::int64_t start_ms = steady_ms();
    peer.link->stop(200);
    CHECK(steady_ms() - start_ms < 200 + 1000 + 1000);  // and a slow machine's second
    peer.link->stop(200);
    world.thaw();
    CHECK(peer.publish("t", "x").error().code == ErrorCode::unavailable);
    CHECK_FALSE(peer.link->stats().connected);
  }
  SECTION("no event comes after stop") {
    Peer reader(world, {"reader"}, {"t"});
    Peer writer(world, {"writer"});
    REQUIRE(reader.ready());
    REQUIRE(writer.ready());
    for (int i = 0; i < 20; ++i) REQUIRE(writer.publish("t", "x").ok());
    reader.link->stop(0);
    const std::size_t events = reader.seen.events().size();
    for (int i = 0; i < 20; ++i) REQUIRE(writer.publish("t", "x").ok());
    REQUIRE(writer.ready());
    CHECK(reader.seen.events().size() == events);
  }
  SECTION("stop while the broker is away ends at once") {
    world.down();
    Peer peer(world, {"peer"});
    const std::int64_t start_ms = steady_ms();
    peer.link->stop(10'000);
    CHECK(steady_ms() - start_ms < 3000);
  }
  SECTION("a link that was never started can be stopped") {
    const auto link = world.make_link({"peer"});
    link->stop(100);
    CHECK(link->publish("t", "x", Qos::at_least_once, false).error().code ==
          ErrorCode::unavailable);
  }
}

}  // namespace

Peer::Peer(LinkWorld& world, const LinkSpec& spec, const std::vector<std::string>& filters)
    : id(spec.client_id), link(world.make_link(spec)) {
  for (const std::string& filter : filters) {
    REQUIRE(link->subscribe(filter, Qos::at_least_once).ok());
  }
  REQUIRE(link->start(seen.handler()).ok());
}

bool Peer::ready() {
  // On one connection the broker handles the subscriptions before this message.
  const std::string probe = "probe/" + id;
  if (!link->subscribe(probe, Qos::at_least_once).ok()) return false;
  static std::atomic<int> serial = 0;
  const std::string token = "probe " + std::to_string(++serial);
  return eventually([&] {
    (void)link->publish(probe, token, Qos::at_least_once, false);
    const auto all = seen.payloads();
    return std::find(all.begin(), all.end(), token) != all.end();
  });
}

Status Peer::publish(const std::string& topic, const std::string& payload, bool retain) const {
  Status status;
  eventually([&] {
    status = link->publish(topic, payload, Qos::at_least_once, retain);
    return status.ok() || status.error().code != ErrorCode::full;
  });
  return status;
}

std::vector<std::string> Peer::payloads() const {
  std::vector<std::string> out;
  for (Message& message : seen.messages()) {
    if (!message.topic.starts_with("probe")) out.push_back(std::move(message.payload));
  }
  return out;
}

bool Peer::wait_for_payload(const std::string& payload) const {
  return eventually([&] {
    const auto all = payloads();
    return std::find(all.begin(), all.end(), payload) != all.end();
  });
}

void check_link_contract(const std::function<std::unique_ptr<LinkWorld>()>& make_world) {
  const auto world = make_world();
  check_delivery(*world);
  check_retained_and_wills(*world);
  check_connection(*world);
  check_stop(*world);
}

}  // namespace godwit::test
