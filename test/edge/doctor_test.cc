#include "edge/doctor.h"

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "edge/commands.h"
#include "test/support/mosquitto.h"
#include "test/support/support.h"
#include "transport/latest.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;
using namespace godwit::test;
using Verdict = Finding::Verdict;

namespace {

AgentSettings quiet_settings(const TempDir& folder) {
  AgentSettings settings;
  settings.node = "edge-1";
  settings.buffer_path = folder.file("buffer.db");
  settings.buffer.max_bytes = 1 << 20;
  settings.link_enabled = false;
  return settings;
}

Finding find(const std::vector<Finding>& findings, const std::string& what) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& f) { return f.what == what; });
  REQUIRE(found != findings.end());
  return *found;
}

DoctorOptions quick() {
  DoctorOptions options;
  options.link_patience_ms = 2000;
  return options;
}

}  // namespace

TEST_CASE("the doctor finds a healthy buffer, and leaves nothing behind") {
  const TempDir folder;
  const auto findings = examine(quiet_settings(folder), quick());
  CHECK(find(findings, "buffer").verdict == Verdict::good);
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(find(findings, "link").verdict == Verdict::doubtful);
}

TEST_CASE("the doctor has a remedy for whatever is wrong") {
  const TempDir folder;
  AgentSettings settings = quiet_settings(folder);
  write_file(folder.file("file"), "no folder");
  settings.buffer_path = folder.file("file/buffer.db");
  settings.link_enabled = true;
  settings.way.mqtt.port = free_port();
  settings.way.mqtt.client_id = "agent";
  const auto findings = examine(settings, quick());
  CHECK(find(findings, "buffer").verdict == Verdict::bad);
  const Finding link = find(findings, "link");
  CHECK(link.verdict == Verdict::bad);
  CHECK(link.detail.find("refused") != std::string::npos);
  for (const auto& finding : findings) {
    const bool wrong = finding.verdict == Verdict::bad || finding.verdict == Verdict::doubtful;
    CHECK(finding.remedy.empty() != wrong);
  }
}

TEST_CASE("the doctor misses the key of a node behind EventBus") {
  const TempDir folder;
  AgentSettings settings = quiet_settings(folder);
  settings.link_enabled = true;
  settings.way.transport = WaySettings::Transport::eventbus;
  settings.way.key_file = folder.file("key");
  const Finding link = find(examine(settings, quick()), "link");
  CHECK(link.verdict == Verdict::bad);
  CHECK(link.detail.find(folder.file("key")) != std::string::npos);
}

TEST_CASE("the doctor hears the relay, and one whose clock is elsewhere") {
  const TempDir folder;
  const Mosquitto broker;
  AgentSettings settings = quiet_settings(folder);
  settings.link_enabled = true;
  settings.way.mqtt.port = broker.port();
  settings.way.mqtt.client_id = "agent";
  MqttOptions options;
  options.port = broker.port();
  options.client_id = "relay";
  const auto relay = make_mqtt_link(options);
  REQUIRE(relay->start([](LinkEvent&&) {}).ok());
  RelayState state;
  state.relay = "relay-1";
  state.version = "9";
  state.wall_ms = 1'000'000'000'000;
  std::atomic<bool> done = false;
  std::thread speaker([&] {
    while (!done) {
      (void)relay->publish(topics::relay, encode_relay_state(state), Qos::at_least_once, true);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  const auto findings = examine(settings, quick());
  done = true;
  speaker.join();
  CHECK(find(findings, "link").verdict == Verdict::good);
  const Finding heard = find(findings, "relay");
  CHECK(heard.verdict == Verdict::doubtful);
  CHECK(heard.detail.find("relay-1") != std::string::npos);
  CHECK(heard.detail.find("differs") != std::string::npos);
}

TEST_CASE("the doctor's exit code and JSON are for programs") {
  const TempDir folder;
  AgentSettings settings = quiet_settings(folder);
  std::ostringstream out;
  CHECK(doctor_command(settings, true, out) == exit_ok);
  const auto parsed = nlohmann::json::parse(out.str());
  CHECK(parsed.size() >= 4);
  CHECK(parsed[0]["what"] == "node");
  write_file(folder.file("file"), "no folder");
  settings.buffer_path = folder.file("file/buffer.db");
  std::ostringstream table;
  CHECK(doctor_command(settings, false, table) == exit_failure);
  CHECK(table.str().find("BAD") != std::string::npos);
  CHECK(table.str().find("-> ") != std::string::npos);
}
