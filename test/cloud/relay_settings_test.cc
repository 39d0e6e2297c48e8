#include "cloud/relay_settings.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

Result<RelaySettings> load(const std::string& yaml,
                           const std::map<std::string, std::string>& variables = {}) {
  const test::TempDir dir;
  test::write_file(dir.file("relay.yaml"), yaml);
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  return load_relay_settings(dir.file("relay.yaml"), environment, "host-1");
}

TEST_CASE("the database's address is all that a relay must be told") {
  const auto settings = load("remote_write: {url: 'http://db:9090/api/v1/write'}");
  REQUIRE(settings.ok());
  REQUIRE(settings->name == "host-1");
  REQUIRE(settings->mqtt.host == "127.0.0.1");
  REQUIRE_THAT(settings->mqtt.client_id, Catch::StartsWith("godwit-relay-host-1-"));
  REQUIRE(settings->share_group == "relay");
  REQUIRE(settings->target.job == "godwit");
  REQUIRE(settings->guards.max_future_ms == 300'000);
  REQUIRE(settings->guards.max_age_ms == 0);
  REQUIRE(settings->http_listen == ":9751");
  REQUIRE(settings->out_of_order == RelaySettings::OutOfOrder::automatic);
  REQUIRE(settings->query.url == "http://db:9090");
}

TEST_CASE("settings reach the struct, and the environment wins") {
  const auto settings = load(
      "remote_write: {url: 'https://db/w', timeout: 5s, connections: 2}\n"
      "mqtt: {url: 'mqtts://broker:8884', version: 3.1.1, share_group: blue}\n"
      "external_labels: [cluster=a, 'site=b=c']\n"
      "max_age: 1h\nout_of_order: yes\nclock: auto\n",
      {{"GODWIT_MAX_AGE", "2h"}, {"GODWIT_JOB", "edge"}});
  REQUIRE(settings.ok());
  REQUIRE(settings->remote_write.timeout_ms == 5000);
  REQUIRE(settings->remote_write.connect_timeout_ms == 5000);
  REQUIRE(settings->connections == 2);
  REQUIRE(settings->mqtt.tls.enabled);
  REQUIRE(settings->mqtt.version == 4);
  REQUIRE(settings->share_group == "blue");
  REQUIRE(settings->target.external == Labels{{"cluster", "a"}, {"site", "b=c"}});
  REQUIRE(settings->target.job == "edge");
  REQUIRE(settings->guards.max_age_ms == 7'200'000);
  REQUIRE(settings->out_of_order == RelaySettings::OutOfOrder::yes);
  REQUIRE(settings->query.url.empty());
  REQUIRE(settings->clock == RelaySettings::ClockTrust::automatic);
}

TEST_CASE("what cannot be right is told with its key") {
  const std::string url = "remote_write: {url: 'http://db/w'}\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "remote_write.url"},
      {"remote_write: {url: 'db:9090'}", "remote_write.url"},
      {url + "mqtt: {url: 'tcp://x'}", "mqtt.url"},
      {url + "mqtt: {tls: {ca: /x}}", "mqtts://"},
      {url + "mqtt: {url: 'mqtts://x', tls: {cert: /x}}", "mqtt.tls.key"},
      {url + "mqtt: {share_group: a/b}", "mqtt.share_group"},
      {url + "external_labels: [cluster]", "external_labels"},
      {url + "external_labels: [9=x]", "external_labels"},
      {url + "external_labels: [__x=y]", "external_labels"},
      {url + "external_labels: [job=y]", "external_labels"},
      {url + "max_future: 5 parsecs", "max_future"},
      {url + "retry: 1", "retry"},
      {url + "query_url: db", "query_url"},
      {"remote_write: {url: 'http://db/w', tls: {cert: /x}}", "remote_write.tls.key"},
      {"remote_write: {url: 'http://db/w', basic_auth: {username: u}, bearer_token_file: /t}",
       "bearer_token_file"},
  };
  for (const auto& [yaml, expected] : cases) {
    const auto settings = load(yaml);
    REQUIRE_FALSE(settings.ok());
    REQUIRE_THAT(settings.error().message, Catch::Contains(expected));
  }
}

}  // namespace
}  // namespace godwit
