#include "edge/agent_settings.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/text.h"

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

TEST_CASE("each target of scrape is a collector, and textfile is one where it has directories") {
  const auto& specs = collector_registry();
  const auto chosen = [&](const std::string& yaml, const Variables& variables = {}) {
    const auto settings = load(specs, yaml, variables);
    REQUIRE(settings.ok());
    std::vector<AgentSettings::Choice> choices;
    for (const auto& choice : settings->collectors) {
      if (choice.settings.max_series > 0) choices.push_back(choice);
    }
    return choices;
  };
  CHECK(chosen("").empty());
  CHECK(chosen("collectors: {textfile: {directories: [/a, /b]}}").front().settings.directories ==
        std::vector<std::string>{"/a", "/b"});

  const auto targets = chosen(
      "collectors:\n"
      "  scrape:\n"
      "    interval: 20s\n"
      "    max_series: 7\n"
      "    targets:\n"
      "      - http://127.0.0.1:9100/metrics?x=y\n"
      "      - {name: dcgm, url: 'http://[::1]:9400/', interval: 2s, labels: {team: a b}, keep: "
      "[x*]}\n");
  REQUIRE(targets.size() == 2);
  CHECK(collector_name(*targets[0].spec, targets[0].settings) == "scrape_9100");
  CHECK(targets[0].settings.target.url == "http://127.0.0.1:9100/metrics?x=y");
  CHECK(targets[0].settings.interval == std::chrono::seconds(20));
  CHECK(targets[0].settings.max_series == 7);
  CHECK(collector_name(*targets[1].spec, targets[1].settings) == "scrape_dcgm");
  CHECK(targets[1].settings.interval == std::chrono::seconds(2));
  CHECK(targets[1].settings.deadline == std::chrono::seconds(2));
  CHECK(targets[1].settings.target.labels == Labels{{"team", "a b"}});
  CHECK(targets[1].settings.target.keep == std::vector<std::string>{"x*"});

  const auto words =
      chosen("", {{"GODWIT_COLLECTORS_SCRAPE_TARGETS",
                   "http://localhost:1/ drop=go_*|x labels.a=b, url=http://[::1]:2"}});
  REQUIRE(words.size() == 2);
  CHECK(words[0].settings.target.drop == std::vector<std::string>{"go_*", "x"});
  CHECK(words[0].settings.target.labels == Labels{{"a", "b"}});
  CHECK(words[1].settings.target.name == "2");

  for (const char* const bad :
       {"https://127.0.0.1/", "http://exporter/", "name=x", "{url: 'http://127.0.0.1/', name: A-1}",
        "{url: 'http://127.0.0.1/', intervall: 1s}", "{url: 'http://127.0.0.1/', interval: 1ms}",
        "{url: 'http://127.0.0.1/', labels: {__name__: x}}", "just words",
        "'http://127.0.0.1/', 'http://127.0.0.2/'"}) {
    INFO(bad);
    const auto settings = load(specs, concat("collectors: {scrape: {targets: [", bad, "]}}"));
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().message.starts_with("collectors.scrape.targets: "));
  }
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
