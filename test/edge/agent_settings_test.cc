#include "edge/agent_settings.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

using Variables = std::map<std::string, std::string>;

std::vector<CollectorSpec> registry() {
  CollectorSpec cpu;
  cpu.name = "cpu";
  cpu.source = "/proc/stat";
  CollectorSpec npu;
  npu.name = "npu_smi";
  npu.source = "npu-smi";
  npu.quick = false;
  npu.defaults.interval = std::chrono::seconds(30);
  npu.defaults.deadline = std::chrono::seconds(20);
  npu.defaults.command = "npu-smi";
  return {cpu, npu};
}

Result<AgentSettings> load(const std::vector<CollectorSpec>& specs, const std::string& yaml,
                           const Variables& variables = {}) {
  const test::TempDir dir;
  test::write_file(dir.path() / "agent.yaml", yaml);
  return load_agent_settings(
      dir.file("agent.yaml"),
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      specs, "host-name");
}

TEST_CASE("without a word the agent has sensible settings") {
  const auto specs = registry();
  const auto settings = load(specs, "");
  REQUIRE(settings.ok());
  CHECK(settings->node == "host-name");
  CHECK(settings->interval_ms == 1000);
  CHECK(settings->flush_interval_ms == 10'000);
  CHECK(settings->buffer.max_bytes == 512U << 20);
  CHECK(settings->way.mqtt.client_id == "godwit-agent-host-name");
  CHECK(settings->link_enabled);
  REQUIRE(settings->collectors.size() == 2);
  CHECK(settings->collectors[1].settings.interval == std::chrono::seconds(30));
}

TEST_CASE("NODE_NAME and INTERVAL are honoured as older collectors did") {
  const auto specs = registry();
  const auto settings = load(specs, "", {{"NODE_NAME", "edge-7"}, {"INTERVAL", "5"}});
  REQUIRE(settings.ok());
  CHECK(settings->node == "edge-7");
  CHECK(settings->interval_ms == 5000);
  CHECK(settings->collectors[0].settings.interval == std::chrono::seconds(5));
  CHECK(settings->collectors[1].settings.interval == std::chrono::seconds(30));
}

TEST_CASE("collectors can be switched, paced and pointed elsewhere one by one") {
  const auto specs = registry();
  const auto settings = load(specs,
                             "interval: 2s\n"
                             "collectors:\n"
                             "  cpu: {enabled: false}\n"
                             "  npu_smi: {interval: 500ms, command: /opt/npu-smi}\n");
  REQUIRE(settings.ok());
  REQUIRE(settings->collectors.size() == 1);
  CHECK(settings->collectors[0].settings.interval == std::chrono::milliseconds(500));
  CHECK(settings->collectors[0].settings.command == "/opt/npu-smi");
}

TEST_CASE("mistakes are told with their key") {
  const auto specs = registry();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"intervall: 5s\n", "intervall"},
      {"interval: 5 parsecs\n", "interval"},
      {"interval: 1ms\n", "interval"},
      {"node: {name: a/b}\n", "node.name"},
      {"mqtt: {url: \"http://x\"}\n", "mqtt.url"},
      {"mqtt: {tls: {cert: /c.pem}}\n", "mqtt.tls.key"},
      {"mqtt: {tls: {ca: /c.pem}}\n", "mqtts://"},
      {"collectors: {gpu: {enabled: true}}\n", "gpu"},
      {"buffer: {max_bytes: 10}\n", "buffer.max_bytes"},
  };
  for (const auto& [yaml, key] : cases) {
    const auto settings = load(specs, yaml);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().message.find(key) != std::string::npos);
  }
}

TEST_CASE("the command line wins over file and environment") {
  const auto specs = registry();
  const Environment environment = with_overrides(
      [](const std::string& name) -> std::optional<std::string> {
        if (name == "GODWIT_LOG_LEVEL") return "error";
        return std::nullopt;
      },
      {"/host", "debug", ""});
  const auto settings = load_agent_settings("", environment, specs, "n");
  REQUIRE(settings.ok());
  CHECK(settings->root == "/host");
  CHECK(settings->log_level == log::Level::debug);
}

}  // namespace
}  // namespace godwit
