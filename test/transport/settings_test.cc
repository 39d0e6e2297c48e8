#include "transport/settings.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"

using namespace godwit;

namespace {

const std::vector<Setting> table = {
    {.key = "node.name", .type = SettingType::text, .help = "Name.", .other_env = "NODE_NAME"},
    {.key = "interval",
     .type = SettingType::duration,
     .fallback = "1s",
     .help = "",
     .min = 100,
     .max = 3'600'000},
    {.key = "buffer.max_bytes", .type = SettingType::bytes, .fallback = "512MiB", .help = ""},
    {.key = "mqtt.version",
     .type = SettingType::choice,
     .fallback = "5",
     .help = "",
     .choices = {"3.1.1", "5"}},
    {.key = "mqtt.password", .type = SettingType::text, .help = "", .secret = true},
    {.key = "publish.latest", .type = SettingType::flag, .fallback = "false", .help = ""},
    {.key = "tags", .type = SettingType::list, .help = ""},
    {.key = "targets", .type = SettingType::list, .help = "", .records = true},
    {.key = "port",
     .type = SettingType::integer,
     .fallback = "1",
     .help = "",
     .min = 1,
     .max = 65535,
     .secret = true},
};

Environment environment(std::map<std::string, std::string> variables = {}) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  };
}

std::string problem(std::string_view text, std::map<std::string, std::string> variables = {}) {
  const auto settings = Settings::parse(table, text, "agent.yaml", environment(variables));
  REQUIRE_FALSE(settings.ok());
  return settings.error().message;
}

}  // namespace

TEST_CASE("settings: defaults, file and environment, in that order") {
  const auto settings = Settings::parse(
      table, "interval: 500ms\nbuffer:\n  max_bytes: 1.5KiB\ntags: [a, b]\nport: 7\n", "f",
      environment({{"GODWIT_PORT", "9"}, {"NODE_NAME", "edge-1"}}));
  REQUIRE(settings.ok());
  CHECK(settings->integer("interval") == 500);
  CHECK(settings->integer("buffer.max_bytes") == 1536);
  CHECK(settings->list("tags") == std::vector<std::string>{"a", "b"});
  CHECK(settings->integer("port") == 9);
  CHECK(settings->text("node.name") == "edge-1");
  CHECK(settings->text("mqtt.version") == "5");
  CHECK_FALSE(settings->flag("publish.latest"));
  CHECK(settings->is_set("tags"));
  CHECK_FALSE(settings->is_set("mqtt.version"));
}

TEST_CASE("settings: items of a list may be sections where the table says so") {
  const auto settings = Settings::parse(
      table, "targets:\n  - plain\n  - {url: x y, keep: [a*, b], labels: {t: v w}, none: }\n", "f",
      environment());
  REQUIRE(settings.ok());
  CHECK(settings->list("targets") ==
        std::vector<std::string>{"plain", "url=x y\nkeep=a*|b\nlabels.t=v w\nnone=\n"});
  CHECK(problem("tags: [{a: 1}]") == "agent.yaml:1: tags: expected a list of texts");
  CHECK(problem("targets: [{a: {b: {c: 1}}}]").find("sections of keys") != std::string::npos);
  CHECK(problem("targets: [{a: [[1]]}]").find("sections of keys") != std::string::npos);
  CHECK(problem("targets: [[a]]").find("sections of keys") != std::string::npos);
}

TEST_CASE("settings: the product's own variable wins over the older one") {
  const auto settings = Settings::parse(
      table, "", "f", environment({{"GODWIT_NODE_NAME", "new"}, {"NODE_NAME", "old"}}));
  CHECK(settings->text("node.name") == "new");
}

TEST_CASE("settings: every mistake names file, line, key and what was expected") {
  CHECK(problem("\nbufer:\n  max_bytes: 1\n").starts_with("agent.yaml:2: bufer: unknown key"));
  CHECK(problem("buffer:\n  max_byte: 1\n") ==
        "agent.yaml:2: buffer.max_byte: unknown key; did you mean buffer.max_bytes?");
  CHECK(problem("interval: 10 parsecs") ==
        "agent.yaml:1: interval: expected a duration such as 500ms, 10s, 5m, 1h or 7d, got "
        "\"10 parsecs\"");
  CHECK(problem("interval: 1ms") ==
        "agent.yaml:1: interval: expected from 100 to 3600000 ms, got \"1ms\"");
  CHECK(problem("mqtt:\n  version: 4") ==
        "agent.yaml:2: mqtt.version: expected one of 3.1.1, 5, got \"4\"");
  CHECK(problem("publish:\n  latest: maybe").find("true or false") != std::string::npos);
  CHECK(problem("buffer: 12").find("expected a section") != std::string::npos);
  CHECK(problem("interval: {a: 1}").find("not a section") != std::string::npos);
  CHECK(problem("interval: [1, 2]").find("got a list") != std::string::npos);
  CHECK(problem("interval: 1s\ninterval: 2s").find("given twice") != std::string::npos);
  CHECK(problem("a: [\n").find("not valid YAML") != std::string::npos);
  CHECK(problem("- a\n").find("expected keys and values") != std::string::npos);
  CHECK(problem("", {{"GODWIT_INTERVAL", "x"}})
            .starts_with("environment GODWIT_INTERVAL: interval: expected a duration"));
}

TEST_CASE("settings: all mistakes are told at once, secrets are not shown") {
  const std::string text = problem("nonsense: 1\nport: hunter2\n");
  CHECK(text.find("agent.yaml:1: nonsense") != std::string::npos);
  CHECK(text.find("agent.yaml:2: port") != std::string::npos);
  CHECK(text.find("hunter2") == std::string::npos);
}

TEST_CASE("settings: a deep document and a bomb of aliases are refused") {
  CHECK(problem("buffer: {max_bytes: {a: {b: 1}}}").find("not a section") != std::string::npos);
  CHECK(problem(std::string(2 << 20, '#')).find("larger than") != std::string::npos);
}

TEST_CASE("settings: a missing file is told with its path") {
  const auto settings = Settings::load(table, "/nonexistent/agent.yaml", environment());
  REQUIRE_FALSE(settings.ok());
  CHECK(settings.error().message ==
        "settings file /nonexistent/agent.yaml: No such file or directory");
}

TEST_CASE("settings: reference row") {
  CHECK(describe_settings(std::span(table).first(1))
            .find("| `node.name` | text |  | `GODWIT_NODE_NAME`, `NODE_NAME` | Name. |") !=
        std::string::npos);
}
