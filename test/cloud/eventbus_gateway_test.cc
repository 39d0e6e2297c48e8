#include "cloud/eventbus_gateway.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "cloud/eventbus_settings.h"
#include "cloud/ways.h"
#include "test/fakes/loopback_link.h"
#include "test/fakes/recorder.h"
#include "test/support/support.h"
#include "transport/latest.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;
using namespace godwit::test;
using Type = LinkEvent::Type;

namespace {

const std::string master = "a master key for tests";
const NodeKey key_of = [](std::string_view node) {
  return Result<std::string>(derive_node_key(master, node));
};

// CloudCore's Router: keeps what it is given; answers with `status`.
struct Router {
  std::mutex mutex;
  std::vector<std::pair<std::string, Envelope>> taken;  // guarded by mutex
  std::atomic<int> status = 200;
  std::atomic<int> calls = 0;

  HttpCall call() {
    return [this](const HttpCallRequest& request) -> Result<HttpReply> {
      ++calls;
      if (status == 0) return Error{ErrorCode::unavailable, "connection refused"};
      if (status != 200) return HttpReply{status, "doesn't have session", ""};
      if (request.method != "POST") return HttpReply{405, "", ""};
      auto envelope = open_envelope(request.body, Envelope::Direction::down, key_of);
      const std::lock_guard lock(mutex);
      if (envelope) taken.emplace_back(request.url, std::move(*envelope));
      return HttpReply{200, "message delivered", ""};
    };
  }
  std::vector<std::pair<std::string, Envelope>> all() {
    const std::lock_guard lock(mutex);
    return taken;
  }
};

struct Gateway {
  Router router;
  Recorder seen;
  EventbusGateway gateway;

  explicit Gateway(EventbusSettings settings = default_settings())
      : gateway(std::move(settings), key_of, {router.call()}) {
    gateway.start(seen.handler());
  }

  static EventbusSettings default_settings() {
    EventbusSettings settings;
    settings.router_url = "http://cloudcore:9443";
    return settings;
  }
  HttpResponse post(std::uint64_t seq, std::vector<EnvelopePart> parts,
                    const std::string& node = "edge-1", std::uint64_t session = 1) {
    Envelope envelope;
    envelope.node = node;
    envelope.boot_id = "boot";
    envelope.session = session;
    envelope.seq = seq;
    envelope.parts = std::move(parts);
    return post_text(seal_envelope(envelope, derive_node_key(master, node)));
  }
  HttpResponse post_text(const std::string& body) {
    return gateway.post({"POST", "/kubeedge", "", body});
  }
};

std::string birth() {
  NodeStatus status;
  status.online = true;
  status.boot_id = "boot";
  status.session = 1;
  return encode_status(status);
}

}  // namespace

TEST_CASE("an envelope's messages come as if by MQTT, and every reply ends its connection") {
  Gateway cloud;
  const auto reply = cloud.post(1, {{"schema/0123456789abcdef", "schema"}, {"up", "frame"}});
  CHECK(reply.status == 200);
  CHECK(reply.close);
  CHECK(!reply.body.empty());
  const auto messages = cloud.seen.messages();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].topic == "godwit/v1/edge-1/schema/0123456789abcdef");
  CHECK(messages[1].topic == topics::up("edge-1"));
  CHECK(messages[1].payload == "frame");
}

TEST_CASE("what is not signed by its node is refused, with a reply that ends the connection") {
  Gateway cloud;
  Envelope envelope;
  envelope.node = "edge-1";
  envelope.boot_id = "boot";
  envelope.parts = {{"up", "frame"}};
  const std::string forged = seal_envelope(envelope, derive_node_key(master, "edge-2"));
  for (const std::string& body : {forged, std::string("garbage"), std::string()}) {
    const auto reply = cloud.post_text(body);
    CHECK(reply.status >= 400);
    CHECK(reply.close);
    CHECK(!reply.body.empty());
  }
  CHECK(cloud.gateway.post({"GET", "/kubeedge", "", ""}).status == 405);
  CHECK(cloud.seen.messages().empty());
  CHECK(cloud.gateway.stats().refused == 3);
}

TEST_CASE("a node cannot speak for others, nor take the relay's part") {
  Gateway cloud;
  const auto reply = cloud.post(1, {{"../edge-2/up", "x"}, {"down", "x"}, {"latest/cpu", "x"}});
  CHECK(reply.status == 200);
  CHECK(cloud.seen.messages().empty());
}

TEST_CASE("an envelope that is played back changes nothing; one that was overtaken counts") {
  Gateway cloud;
  for (const std::uint64_t seq : {1U, 3U, 2U, 3U, 1U, 100U, 36U, 37U, 37U}) {
    cloud.post(seq, {{"up", std::to_string(seq)}});
  }
  CHECK(cloud.seen.payloads() == std::vector<std::string>{"1", "3", "2", "100", "37"});
  CHECK(cloud.gateway.stats().repeated == 4);
  cloud.post(1, {{"up", "after a restart"}}, "edge-1", 2);
  CHECK(cloud.seen.payloads().back() == "after a restart");
}

TEST_CASE("an answer goes to the node's topic through the Router, the newest one only") {
  Gateway cloud;
  cloud.router.status = 500;
  cloud.post(4, {{"up", "frame"}});
  CHECK(!cloud.gateway.answer("edge-2", "ack"));
  REQUIRE(cloud.gateway.answer("edge-1", "old"));
  REQUIRE(eventually([&] { return cloud.router.calls >= 1; }));
  REQUIRE(cloud.gateway.answer("edge-1", "new"));
  cloud.router.status = 200;
  REQUIRE(eventually([&] { return !cloud.router.all().empty(); }));
  const auto [url, envelope] = cloud.router.all().front();
  CHECK(url == "http://cloudcore:9443/edge-1/default/godwit/down");
  CHECK(envelope.session == 1);
  CHECK(envelope.seq == 4);
  CHECK(envelope.parts == std::vector<EnvelopePart>{{"down", "new"}});
}

TEST_CASE("an answer that the Router never takes is given up") {
  Gateway cloud;
  cloud.router.status = 0;
  cloud.post(1, {{"up", "frame"}});
  REQUIRE(cloud.gateway.answer("edge-1", "ack"));
  REQUIRE(
      eventually([&] { return cloud.gateway.stats().unanswered == 1; }, std::chrono::seconds(30)));
  CHECK(cloud.router.calls == 4);
}

TEST_CASE("the relay's state goes to those who said that they are there") {
  Gateway cloud;
  cloud.gateway.tell_state("to nobody");
  cloud.post(1, {{"status", birth()}});
  cloud.gateway.tell_state("state");
  REQUIRE(eventually([&] { return !cloud.router.all().empty(); }));
  CHECK(cloud.router.all().front().second.parts == std::vector<EnvelopePart>{{"relay", "state"}});
  cloud.gateway.tell_state("again");
  cloud.gateway.stop(1000);
  CHECK(cloud.router.all().size() == 1);
}

TEST_CASE("a node that says nothing any more is told as gone, once") {
  EventbusSettings settings = Gateway::default_settings();
  settings.silence_ms = 400;
  Gateway cloud(settings);
  cloud.post(1, {{"status", birth()}});
  REQUIRE(cloud.seen.wait_for_messages(1));
  REQUIRE(cloud.seen.wait_for_messages(2));
  const auto death = cloud.seen.messages()[1];
  CHECK(death.topic == "godwit/v1/edge-1/status");
  const auto status = decode_status(death.payload);
  REQUIRE(status.ok());
  CHECK_FALSE(status->online);
  CHECK(status->session == 1);
  cloud.post(2, {{"up", "frame"}});
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  CHECK(cloud.seen.count(Type::message) == 3);
}

TEST_CASE("answers take the way on which the node was heard last") {
  LoopbackBroker broker;
  Router router;
  EventbusGateway gateway(Gateway::default_settings(), key_of, {router.call()});
  Ways ways(broker.make_link({.client_id = "relay"}), gateway);
  Recorder relay_seen;
  REQUIRE(ways.subscribe("godwit/v1/+/up", Qos::at_least_once).ok());
  REQUIRE(ways.start(relay_seen.handler()).ok());
  auto node = broker.make_link({.client_id = "edge-1"});
  Recorder node_seen;
  REQUIRE(node->subscribe(topics::down("edge-1"), Qos::at_least_once).ok());
  REQUIRE(node->start(node_seen.handler()).ok());

  Envelope envelope;
  envelope.node = "edge-1";
  envelope.boot_id = "boot";
  envelope.seq = 1;
  envelope.parts = {{"up", "by eventbus"}};
  const std::string text = seal_envelope(envelope, derive_node_key(master, "edge-1"));
  CHECK(gateway.post({"POST", "/kubeedge", "", text}).status == 200);
  REQUIRE(ways.publish(topics::down("edge-1"), "one", Qos::at_least_once, false).ok());
  REQUIRE(eventually([&] { return router.all().size() == 1; }));

  REQUIRE(node->publish(topics::up("edge-1"), "by mqtt", Qos::at_least_once, false).ok());
  REQUIRE(relay_seen.wait_for_messages(2));
  REQUIRE(ways.publish(topics::down("edge-1"), "two", Qos::at_least_once, false).ok());
  REQUIRE(node_seen.wait_for_messages(1));
  CHECK(node_seen.payloads() == std::vector<std::string>{"two"});
  CHECK(router.all().size() == 1);
  node->stop(0);
  ways.stop(0);
}

TEST_CASE("a node's own key file wins over the master key, and short keys are none") {
  const TempDir folder;
  EventbusSettings settings;
  settings.master_key_file = folder.file("master");
  settings.keys_dir = folder.file("keys");
  std::filesystem::create_directory(settings.keys_dir);
  write_file(settings.master_key_file, master + "\n");
  write_file(settings.keys_dir + "/edge-1", "the own key of edge-1\n");
  write_file(settings.keys_dir + "/edge-2", "short");
  const NodeKey keys = node_keys(settings);
  CHECK(*keys("edge-1") == "the own key of edge-1");
  CHECK(*keys("edge-3") == derive_node_key(master, "edge-3"));
  settings.master_key_file.clear();
  const NodeKey own_only = node_keys(settings);
  CHECK(own_only("edge-2").error().message.find("at least 16 bytes") != std::string::npos);
  CHECK(!own_only("edge-3").ok());
}
