// What MqttLink does beyond the contract of every link: reasons for people, TLS, passwords, and the
// traps of the library.
#include "transport/mqtt_link.h"

#include <thread>

#include <catch2/catch.hpp>

#include "test/support/certificates.h"
#include "test/support/mosquitto.h"
#include "test/support/tcp.h"
#include "test/transport/link_contract.h"
#include "transport/clock.h"
#include "transport/text.h"

using namespace godwit;
using namespace godwit::test;
using Type = LinkEvent::Type;

namespace {

MqttOptions options_for(int port) {
  MqttOptions options;
  options.port = port;
  options.client_id = "node";
  options.reconnect.min_ms = 20;
  options.reconnect.max_ms = 200;
  return options;
}

struct Started {
  Recorder seen;
  std::unique_ptr<Link> link;
  explicit Started(const MqttOptions& options) : link(make_mqtt_link(options)) {
    REQUIRE(link->subscribe("t/#", Qos::at_least_once).ok());
    REQUIRE(link->start(seen.handler()).ok());
  }
  [[nodiscard]] bool connected() const { return seen.wait_for(Type::connected); }
};

std::string password_config(const TempDir& folder, const std::string& password) {
  ChildProcess tool({"mosquitto_passwd", "-b", "-c", folder.file("users"), "node", password},
                    folder.file("passwd.log"));
  REQUIRE(tool.wait() == 0);
  return concat("allow_anonymous false\npassword_file ", folder.file("users"), "\n");
}

std::string tls_config(const Certificates& certificates, const std::string& server = "server",
                       std::string_view more = "") {
  return concat(Mosquitto::open_to_all, "cafile ", certificates.ca(), "\ncertfile ",
                certificates.file(server + ".pem"), "\nkeyfile ",
                certificates.file(server + ".key"), "\n", more);
}

MqttOptions tls_options(const Certificates& certificates, int port) {
  MqttOptions options = options_for(port);
  options.tls.enabled = true;
  options.tls.ca_file = certificates.ca();
  return options;
}

struct AllCertificates : Certificates {
  AllCertificates() {
    issue("future", "IP:127.0.0.1", "20900101000000Z", "20910101000000Z");
    issue("past", "IP:127.0.0.1", "20000101000000Z", "20010101000000Z");
    issue("other", "DNS:elsewhere.example");
  }
};

const Certificates& certificates() {
  static const AllCertificates made;
  return made;
}

}  // namespace

// First in the process, as each test case runs alone: the library sets up its TLS only once.
TEST_CASE("links that start TLS at the same time do so without leak or race") {
  const Certificates certificates;
  const Mosquitto broker(tls_config(certificates));
  std::vector<std::unique_ptr<Recorder>> seen;
  std::vector<std::unique_ptr<Link>> links;
  for (int i = 0; i < 8; ++i) {
    MqttOptions options = tls_options(certificates, broker.port());
    options.client_id = concat("node-", i);
    seen.push_back(std::make_unique<Recorder>());
    links.push_back(make_mqtt_link(options));
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    REQUIRE(links[i]->start(seen[i]->handler()).ok());
  }
  for (const auto& recorder : seen) CHECK(recorder->wait_for(Type::connected));
}

TEST_CASE("a wrong password is told as such, and again until it is right") {
  const TempDir folder;
  const Mosquitto broker(password_config(folder, "secret"));
  MqttOptions options = options_for(broker.port());
  options.version = GENERATE(5, 4);
  options.username = "node";
  options.password_file = folder.file("password");
  write_file(options.password_file, "wrong\n");
  const Started node(options);
  REQUIRE(node.seen.wait_for_reason("not authorised (check mqtt.username and mqtt.password)"));
  CHECK(node.link->stats().connect_failures >= 1);
  CHECK(node.seen.count(Type::connected) == 0);
  write_file(options.password_file, "secret\n");
  CHECK(node.connected());
}

TEST_CASE("a refused TCP connection names host and port") {
  const int port = free_port();
  const Started node(options_for(port));
  CHECK(node.seen.wait_for_reason(concat("MQTT broker 127.0.0.1:", port, ": Connection refused")));
}

TEST_CASE("a broker that was away for long is found soon, one that turns us away is left alone") {
  const TempDir folder;
  Mosquitto broker(password_config(folder, "right"));
  broker.stop();
  MqttOptions options = options_for(broker.port());
  options.reconnect.min_ms = options.reconnect.max_ms = 600'000;
  options.reconnect.unreachable_max_ms = 100;
  options.username = "node";
  options.password = GENERATE("right", "wrong");
  const Started node(options);
  REQUIRE(node.seen.wait_for_reason("Connection refused"));
  broker.start();
  if (options.password == "right") {
    CHECK(node.connected());
  } else {
    REQUIRE(node.seen.wait_for_reason("not authorised"));
    const auto failures = node.link->stats().connect_failures;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    CHECK(node.link->stats().connect_failures == failures);
  }
}

TEST_CASE("a name without address is told") {
  MqttOptions options = options_for(1883);
  options.host = "no.such.host.invalid";
  const Started node(options);
  CHECK(node.seen.wait_for_reason("cannot resolve the host name no.such.host.invalid"));
}

TEST_CASE("a broker that takes connections and never answers runs into the deadline") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  proxy.swallow(true);
  const bool tls = GENERATE(false, true);
  MqttOptions options = tls ? tls_options(certificates(), proxy.port()) : options_for(proxy.port());
  options.connect_timeout_ms = 300;
  const Started node(options);
  CHECK(node.seen.wait_for_reason("no CONNACK within 300 ms"));
  // And stop() does not wait for it.
  const std::int64_t start_ms = steady_ms();
  node.link->stop(5000);
  CHECK(steady_ms() - start_ms < 3000);
}

TEST_CASE("a connection that is closed before CONNACK is told, as by a proxy without far end") {
  TcpProxy proxy(free_port());
  MqttOptions options = options_for(proxy.port());
  options.version = GENERATE(5, 4);
  const Started node(options);
  CHECK(node.seen.wait_for_reason("closed before CONNACK"));
}

TEST_CASE("every address of a name is tried in turn") {
  // localhost is ::1 and 127.0.0.1; mosquitto listens on the latter alone.
  const bool tls = GENERATE(false, true);
  const Mosquitto broker(tls ? tls_config(certificates()) : Mosquitto::open_to_all);
  MqttOptions options =
      tls ? tls_options(certificates(), broker.port()) : options_for(broker.port());
  options.host = "localhost";
  const Started node(options);
  CHECK(node.connected());
}

TEST_CASE("a second client with the same id is named as a possible reason") {
  const Mosquitto broker;
  MqttOptions options = options_for(broker.port());
  options.version = GENERATE(5, 4);
  options.reconnect.min_ms = options.reconnect.max_ms = 60'000;
  const Started first(options);
  REQUIRE(first.connected());
  const Started second(options);
  REQUIRE(second.connected());
  CHECK(first.seen.wait_for_reason("client id"));
}

TEST_CASE("what was in flight when the connection broke is never sent again") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  MqttOptions options = options_for(proxy.port());
  options.version = GENERATE(5, 4);
  options.clean_start = GENERATE(true, false);
  options.connect_timeout_ms = 500;  // the first try may come while the proxy still swallows
  const Started node(options);
  Started watcher([&] {
    MqttOptions other = options_for(broker.port());
    other.client_id = "watcher";
    return other;
  }());
  REQUIRE(node.connected());
  REQUIRE(watcher.connected());
  proxy.swallow(true);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(node.link->publish("t/x", "stale", Qos::at_least_once, false).ok());
  }
  CHECK(eventually([&] { return node.link->stats().sent_messages == 5; }));
  proxy.cut();
  proxy.swallow(false);
  REQUIRE(node.seen.wait_for(Type::connected, 2));
  REQUIRE(node.link->publish("t/x", "fresh", Qos::at_least_once, false).ok());
  REQUIRE(watcher.seen.wait_for_messages(1));
  CHECK(watcher.seen.payloads() == std::vector<std::string>{"fresh"});
}

TEST_CASE("a message over the broker's limit is refused at once") {
  const Mosquitto broker(concat(Mosquitto::open_to_all, "max_packet_size 2000\n"));
  const Started node(options_for(broker.port()));
  REQUIRE(node.connected());
  const Status status =
      node.link->publish("t/x", std::string(2500, 'x'), Qos::at_least_once, false);
  REQUIRE(!status.ok());
  CHECK(status.error().code == ErrorCode::rejected);
  CHECK(node.link->publish("t/x", std::string(1500, 'x'), Qos::at_least_once, false).ok());
  CHECK(node.seen.wait_for_messages(1));
}

TEST_CASE("TLS verifies the broker and says what is wrong with its certificate") {
  struct Case {
    std::string server;
    std::string reason;
  };
  const Case tried =
      GENERATE(Case{"future", "certificate is not yet valid (this machine's clock says 20"},
               Case{"past", "certificate has expired (this machine's clock says 20"},
               Case{"other", "host name verification failed"});
  const Mosquitto broker(tls_config(certificates(), tried.server));
  const Started node(tls_options(certificates(), broker.port()));
  CHECK(node.seen.wait_for_reason(tried.reason));
  CHECK(node.seen.count(Type::connected) == 0);
}

TEST_CASE("TLS does not trust another CA, unless told not to look") {
  const Certificates strangers;
  const Mosquitto broker(tls_config(certificates()));
  MqttOptions options = tls_options(strangers, broker.port());
  {
    const Started node(options);
    CHECK(node.seen.wait_for_reason("the broker's certificate is not accepted"));
    CHECK(node.seen.count(Type::connected) == 0);
  }
  options.tls.ca_file.clear();  // the system's store does not know it either
  {
    const Started node(options);
    CHECK(node.seen.wait_for_reason("the broker's certificate is not accepted"));
  }
  options.tls.insecure_skip_verify = true;
  CHECK(Started(options).connected());
}

TEST_CASE("client certificates are read anew at each connect") {
  const Mosquitto broker(tls_config(certificates(), "server", "require_certificate true\n"));
  const TempDir folder;
  MqttOptions options = tls_options(certificates(), broker.port());
  options.tls.cert_file = folder.file("tls.crt");
  options.tls.key_file = folder.file("tls.key");
  const Started node(options);
  REQUIRE(node.seen.wait_for_reason("cannot read"));
  const Certificates strangers;
  write_file(options.tls.key_file, read_file(strangers.client_key()));
  write_file(options.tls.cert_file, read_file(strangers.client_cert()));
  REQUIRE(
      eventually([&] { return node.seen.last_reason().find("cannot read") == std::string::npos; }));
  CHECK(node.seen.count(Type::connected) == 0);
  write_file(options.tls.key_file, read_file(certificates().client_key()));
  write_file(options.tls.cert_file, read_file(certificates().client_cert()));
  CHECK(node.connected());
}

TEST_CASE("options that cannot work are refused at the start") {
  MqttOptions options = options_for(1883);
  SECTION("host") { options.host = ""; }
  SECTION("port") { options.port = 0; }
  SECTION("version") { options.version = 3; }
  SECTION("keepalive") { options.keepalive_s = 4; }
  SECTION("backoff") { options.reconnect.max_ms = options.reconnect.min_ms - 1; }
  SECTION("certificate without key") { options.tls.cert_file = "x"; }
  SECTION("will") { options.will = Message{"a/#", "x", false}; }
  const auto link = make_mqtt_link(options);
  const Status status = link->start([](LinkEvent&&) {});
  REQUIRE(!status.ok());
  CHECK(status.error().code == ErrorCode::invalid);
}

TEST_CASE("two threads publish at once") {
  const Mosquitto broker;
  MqttOptions options = options_for(broker.port());
  const Started node(options);
  REQUIRE(node.connected());
  const auto publish = [&](const std::string& name) {
    for (int i = 0; i < 100; ++i) {
      eventually([&] {
        return node.link->publish("t/" + name, std::to_string(i), Qos::at_least_once, false).ok();
      });
    }
  };
  std::thread other([&] { publish("other"); });
  publish("this");
  other.join();
  CHECK(node.seen.wait_for_messages(200));
  CHECK(node.link->stats().sent_messages == 200);
}

TEST_CASE("bytes on the wire are counted as the kernel sees them") {
  const Mosquitto broker;
  Started started(options_for(broker.port()));
  REQUIRE(started.connected());
  const auto idle = [&] {
    const LinkStats stats = started.link->stats();
    return stats.sent_wire_bytes;
  };
  // SYN, ACK, CONNECT, SUBSCRIBE and their headers.
  REQUIRE(eventually([&] { return idle() > 4 * 52; }));
  const LinkStats before = started.link->stats();
  const std::string payload(100'000, 'x');
  REQUIRE(started.link->publish("other", payload, Qos::at_least_once, false).ok());
  REQUIRE(eventually([&] { return idle() >= before.sent_wire_bytes + payload.size(); }));
  const LinkStats after = started.link->stats();
  // Loopback has packets of 64 KiB: the headers are few.
  CHECK(after.sent_wire_bytes - before.sent_wire_bytes < payload.size() + 5'000);
  CHECK(after.sent_payload_bytes == payload.size());
  CHECK(after.received_wire_bytes > 0);
  CHECK(after.received_wire_bytes < 10'000);
  started.link->stop(500);
  CHECK(started.link->stats().sent_wire_bytes >= after.sent_wire_bytes);
}
