// The program godwit-relay between a real broker and a real database, and what befalls them.
#include <thread>

#include <catch2/catch.hpp>
#include <signal.h>

#include "test/fakes/fake_agent.h"
#include "test/support/mosquitto.h"
#include "test/support/prometheus.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/mqtt_link.h"

namespace godwit {
namespace {

using test::ChildProcess;
using test::Database;
using test::eventually;
using test::FakeAgent;
using test::Mosquitto;

const std::vector<Series> series = {{"a_ratio", {{"core", "0"}}, Kind::gauge},
                                    {"b_total", {}, Kind::counter}};

class RelayProgram {
 public:
  RelayProgram(const Mosquitto& broker, const Database& database) : port_(test::free_port()) {
    test::write_file(
        dir_.file("relay.yaml"),
        "mqtt: {url: '" + broker.url() + "'}\nremote_write: {url: '" + database.write_url() +
            "', retry_for: 500ms}\nhttp: {listen: '127.0.0.1:" + std::to_string(port_) + "'}\n");
    start();
  }
  void start() {
    process_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{std::string(GODWIT_BINARY_DIR) + "/bin/godwit-relay", "run",
                                 "--config", dir_.file("relay.yaml")},
        dir_.file("log"));
    if (!eventually([this] { return test::port_open(port_); })) {
      throw std::runtime_error("the relay does not start: " + process_->output());
    }
  }
  void kill() { process_.reset(); }  // SIGKILL
  ChildProcess& process() { return *process_; }

 private:
  test::TempDir dir_;
  int port_;
  std::unique_ptr<ChildProcess> process_;
};

std::unique_ptr<Link> make_link(const Mosquitto& broker, const std::string& id) {
  MqttOptions options;
  options.port = broker.port();
  options.client_id = id;
  options.reconnect.max_ms = 1000;
  return make_mqtt_link(options);
}

// Every tick from 1 to `last` once, with its time and value.
void require_whole(const Database& database, const std::string& node, std::uint64_t last,
                   std::int64_t start_ms) {
  const std::int64_t end_ms = start_ms + static_cast<std::int64_t>(last) * 1000 + 1000;
  const auto all = database.samples("{instance=\"" + node + "\"}", end_ms);
  REQUIRE(all.size() == series.size());
  for (const auto& one : all) {
    const double base = one.labels.at("__name__") == "a_ratio" ? 0 : 1000;
    REQUIRE(one.samples.size() == last);
    for (std::size_t i = 0; i < one.samples.size(); ++i) {
      REQUIRE(one.samples[i].first == start_ms + static_cast<std::int64_t>(i + 1) * 1000);
      REQUIRE(one.samples[i].second == base + static_cast<double>(i + 1));
    }
  }
}

TEST_CASE("a relay ends cleanly at SIGHUP as at SIGTERM, says so, and lives on after SIGSTOP") {
  Mosquitto broker;
  Database database(Database::Kind::victoria_metrics);
  for (const int signal : {SIGHUP, SIGTERM}) {
    RelayProgram relay(broker, database);
    relay.process().send_signal(SIGSTOP);
    relay.process().send_signal(SIGCONT);
    relay.process().send_signal(signal);
    REQUIRE(relay.process().wait() == 0);
    REQUIRE_THAT(relay.process().output(), Catch::Contains("relay: stopped"));
  }
}

TEST_CASE("relay, broker and database may die at any moment: every sample is there once") {
  Mosquitto broker;
  Database database(Database::Kind::prometheus);
  RelayProgram relay(broker, database);
  FakeAgent agent(make_link(broker, "n1"), "n1", series);
  agent.publish_schema();
  const std::int64_t start_ms = system_clock()().wall_ms - 1'000'000;

  constexpr std::uint64_t frames = 60;
  std::atomic<std::uint64_t> delivered = 0;
  std::atomic<bool> failed = false;
  std::thread node([&] {
    for (std::uint64_t i = 0; i < frames && !failed; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const auto ack = agent.deliver(agent.frame(5 * i + 1, 5 * i + 5, start_ms),
                                     std::chrono::milliseconds(300));
      if (!ack || ack->verdict != Verdict::stored) failed = true;
      ++delivered;
    }
  });
  const auto wait_for = [&](std::uint64_t count) {
    eventually([&] { return delivered >= count || failed; }, std::chrono::seconds(40));
  };
  for (const std::uint64_t at : {5U, 10U, 15U}) {
    wait_for(at);
    relay.kill();
    relay.start();
  }
  wait_for(25);
  broker.restart();
  wait_for(35);
  database.stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  database.start();
  wait_for(45);
  relay.kill();
  relay.start();
  node.join();
  REQUIRE_FALSE(failed);
  require_whole(database, "n1", 5 * frames, start_ms);
}

TEST_CASE("SIGTERM ends the relay cleanly, with exit code 0") {
  const Mosquitto broker;
  const Database database(Database::Kind::victoria_metrics);
  RelayProgram relay(broker, database);
  FakeAgent agent(make_link(broker, "n1"), "n1", series);
  agent.publish_schema();
  const std::int64_t start_ms = system_clock()().wall_ms - 60'000;
  const auto ack = agent.deliver(agent.frame(1, 5, start_ms));
  REQUIRE(ack);
  REQUIRE(ack->verdict == Verdict::stored);
  REQUIRE(ack->relay_time_ms > start_ms);
  REQUIRE(relay.process().terminate() == 0);
  eventually([&] { return database.count("{instance=\"n1\"}", start_ms + 60'000) == 10; });
  require_whole(database, "n1", 5, start_ms);
}

TEST_CASE("a broker and a database that are away are told once each") {
  Mosquitto broker;
  Database database(Database::Kind::victoria_metrics);
  RelayProgram relay(broker, database);
  FakeAgent agent(make_link(broker, "n1"), "n1", series);
  agent.publish_schema();
  database.stop();
  agent.send(agent.frame(1, 5, system_clock()().wall_ms - 60'000));
  const auto logs = [&](const std::string& part) {
    return eventually([&] { return relay.process().output().find(part) != std::string::npos; });
  };
  REQUIRE(logs("the database takes no samples"));
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // several tries to write
  broker.stop();
  REQUIRE(logs("mqtt: not connected"));
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // several tries to connect
  const std::string log = relay.process().output();
  INFO(log);
  const auto count = [&](const std::string& part) {
    std::size_t lines = 0;
    for (std::size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) {
      ++lines;
    }
    return lines;
  };
  CHECK(count("the database takes no samples") == 1);
  CHECK(count("mqtt: disconnected") == 1);
  CHECK(count("mqtt: not connected") == 1);
}

TEST_CASE("a wrong command line ends the programs with 78, their help with 0") {
  const test::TempDir dir;
  for (const std::string program : {"/bin/godwit-relay", "/bin/godwit"}) {
    const std::string path = std::string(GODWIT_BINARY_DIR) + program;
    ChildProcess wrong({path, "--nonsense"}, dir.file("out"));
    CHECK(wrong.wait() == 78);
    ChildProcess help({path, "--help"}, dir.file("out"));
    CHECK(help.wait() == 0);
  }
}

TEST_CASE("wrong settings end the program with 78 and one line") {
  const test::TempDir dir;
  test::write_file(dir.file("relay.yaml"), "remote_write: {url: 'http://x/', nonsense: 1}\n");
  for (const std::string command : {"check", "run"}) {
    ChildProcess process({std::string(GODWIT_BINARY_DIR) + "/bin/godwit-relay", command, "--config",
                          dir.file("relay.yaml")},
                         dir.file("out"));
    REQUIRE(process.wait() == 78);
    REQUIRE_THAT(process.output(), Catch::Contains("remote_write.nonsense"));
  }
}

}  // namespace
}  // namespace godwit
