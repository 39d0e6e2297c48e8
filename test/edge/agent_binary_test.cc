// The program godwit-agent itself, with a real broker.
#include <catch2/catch.hpp>
#include <signal.h>

#include "test/edge/fake_relay.h"
#include "test/support/mosquitto.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/mqtt_link.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::ChildProcess;
using test::eventually;
using test::FakeRelay;
using test::Mosquitto;
using test::TempDir;

std::string program() { return GODWIT_BINARY_DIR "/bin/godwit-agent"; }

struct Setup {
  TempDir dir;
  Mosquitto broker;

  std::vector<std::string> environment() {
    return {concat("GODWIT_BUFFER_PATH=", dir.file("buffer.db")),
            concat("GODWIT_MQTT_URL=", broker.url()),
            concat("GODWIT_TRUTH_LOG=", dir.file("truth")),
            concat("GODWIT_HTTP_LISTEN=127.0.0.1:", test::free_port()),
            "GODWIT_FLUSH_INTERVAL=500ms",
            "GODWIT_INTERVAL=100ms",
            "NODE_NAME=node-1"};
  }
  std::unique_ptr<ChildProcess> run() {
    return std::make_unique<ChildProcess>(std::vector<std::string>{program(), "run"},
                                          dir.file("log"), environment());
  }
  std::unique_ptr<FakeRelay> relay() {
    MqttOptions options;
    REQUIRE(parse_mqtt_url(broker.url(), options).ok());
    options.client_id = "relay";
    auto relay = std::make_unique<FakeRelay>(make_mqtt_link(options));
    // So that the test does not depend on the machine's NTP.
    relay->relay_clock = [] { return system_clock()().wall_ms; };
    return relay;
  }
  std::size_t truth_ticks() const {
    if (!std::filesystem::exists(dir.file("truth"))) return 0;
    std::size_t count = 0;
    const std::string truth = test::read_file(dir.file("truth"));
    for (const auto line : split_lines(truth)) {
      count += line.starts_with("{\"seq\":") && line.ends_with("}") ? 1 : 0;
    }
    return count;
  }
};

bool sees(FakeRelay& relay, const std::function<bool()>& condition) {
  return eventually(
      [&] {
        relay.step(10);
        return condition();
      },
      std::chrono::seconds(30));
}

TEST_CASE("a killed agent loses at most one tick, and the next one sends what it stored offline") {
  Setup setup;
  setup.broker.stop();
  std::size_t taken = 0;
  for (int life = 0; life < 3; ++life) {
    const auto agent = setup.run();
    REQUIRE(eventually([&] { return setup.truth_ticks() > taken; }, std::chrono::seconds(30)));
    agent->send_signal(SIGKILL);
    CHECK(agent->wait() == 128 + SIGKILL);
    taken = setup.truth_ticks();
  }
  setup.broker.start();
  const auto relay = setup.relay();
  const auto agent = setup.run();
  REQUIRE(sees(*relay, [&] { return relay->ticks() >= taken; }));
  CHECK(agent->terminate() == 0);
  // Every life's first word is in; nothing came twice.
  CHECK(relay->repeated_ticks == 0);
  CHECK(relay->seqs.size() == 1);
}

TEST_CASE("SIGTERM ends in an orderly way and says goodbye, a kill leaves the broker's word") {
  Setup setup;
  const auto relay = setup.relay();
  auto agent = setup.run();
  REQUIRE(sees(*relay, [&] { return relay->ticks() >= 1; }));
  REQUIRE_FALSE(relay->statuses.empty());
  CHECK(relay->statuses.back().online);
  agent->send_signal(SIGTERM);
  CHECK(agent->wait() == 0);
  REQUIRE(sees(*relay, [&] { return !relay->statuses.back().online; }));
  const auto session = relay->statuses.back().session;
  agent = setup.run();
  REQUIRE(sees(*relay, [&] { return relay->statuses.back().online; }));
  CHECK(relay->statuses.back().session != session);
  agent->send_signal(SIGKILL);
  agent->wait();
  REQUIRE(sees(*relay, [&] { return !relay->statuses.back().online; }));
}

TEST_CASE("the commands answer, with the exit codes that are promised") {
  Setup setup;
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program());
    ChildProcess child(arguments, setup.dir.file("out"), setup.environment());
    return child.wait();
  };
  CHECK(run({"--version"}) == 0);
  CHECK(run({"check"}) == 0);
  CHECK(run({"spool"}) == 1);  // no buffer yet
  CHECK(run({"nonsense"}) == 78);
  test::write_file(setup.dir.path() / "bad.yaml", "node:\n  nam: x\n");
  CHECK(run({"check", "--config", setup.dir.file("bad.yaml")}) == 78);
  CHECK(test::read_file(setup.dir.file("out")).find("bad.yaml:2") != std::string::npos);
  {
    const auto agent = setup.run();
    REQUIRE(eventually([&] { return setup.truth_ticks() > 0; }, std::chrono::seconds(30)));
    // On a live buffer.
    REQUIRE(eventually([&] { return run({"spool"}) == 0; }));
  }
  CHECK(test::read_file(setup.dir.file("out")).find("stream: ") != std::string::npos);
}

}  // namespace
}  // namespace godwit
