#include "cloud/tail.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "test/fakes/fake_agent.h"
#include "test/support/mosquitto.h"
#include "test/support/support.h"
#include "transport/mqtt_link.h"
#include "transport/topics.h"

namespace godwit {
namespace {

const std::vector<Series> series = {{"hw_power_watts", {{"rail", "a"}}, Kind::gauge},
                                    {"node_load1", {}, Kind::gauge}};

Message schema_message() {
  const std::string schema = encode_schema(std::nullopt, series);
  return {topics::schema("n1", schema_id_of(schema)), schema, true};
}

Message frame_message(double watts, bool history = false) {
  Frame frame;
  frame.history = history;
  frame.schema = schema_id_of(encode_schema(std::nullopt, series));
  frame.seqs = {1};
  frame.times_ms = {1'795'000'000'123};
  frame.columns = {{watts}, {absent}};
  return {topics::up("n1"), encode_frame(frame), false};
}

TEST_CASE("a frame becomes one line per sample") {
  Tail tail({});
  REQUIRE(tail.on_message(schema_message()).empty());
  REQUIRE(tail.on_message(frame_message(7.5)) ==
          "2026-11-18T11:06:40.123Z n1 hw_power_watts{rail=\"a\"} 7.5\n");
}

TEST_CASE("history is marked as such") {
  Tail text({});
  text.on_message(schema_message());
  REQUIRE(text.on_message(frame_message(7.5, true)).ends_with("} 7.5 history\n"));
  Tail json({"", "", true});
  json.on_message(schema_message());
  REQUIRE(nlohmann::json::parse(json.on_message(frame_message(7.5, true)))["history"] == true);
}

TEST_CASE("thinned frames and declared losses are shown") {
  Frame frame;
  frame.history = true;
  frame.keep_every = 4;
  frame.lost = {{"full", 10}, {"thinned", 300}};
  frame.schema = schema_id_of(encode_schema(std::nullopt, series));
  frame.seqs = {1};
  frame.times_ms = {1'795'000'000'123};
  frame.columns = {{7.5}};
  const Message message{topics::up("n1"), encode_frame(frame), false};
  Tail text({});
  text.on_message(schema_message());
  CHECK(text.on_message(message) ==
        "2026-11-18T11:06:40.123Z n1 lost so far, in ticks: full=10 thinned=300\n"
        "2026-11-18T11:06:40.123Z n1 hw_power_watts{rail=\"a\"} 7.5 history thinned=1/4\n");
  Tail json({"", "node_*", true});
  json.on_message(schema_message());
  CHECK(nlohmann::json::parse(json.on_message(message)) ==
        nlohmann::json{{"time_ms", 1'795'000'000'123},
                       {"node", "n1"},
                       {"lost", {{"full", 10}, {"thinned", 300}}}});
  Tail all({"", "", true});
  all.on_message(schema_message());
  const std::string lines = all.on_message(message);
  CHECK(nlohmann::json::parse(lines.substr(lines.find('\n')))["keep_every"] == 4);
}

TEST_CASE("a frame waits for its schema") {
  Tail tail({});
  REQUIRE(tail.on_message(frame_message(1)).empty());
  REQUIRE(tail.on_message(frame_message(2)).empty());
  const std::string lines = tail.on_message(schema_message());
  REQUIRE_THAT(lines, Catch::Contains(" 1\n") && Catch::Contains(" 2\n"));
  REQUIRE(tail.on_message(schema_message()).empty());
}

TEST_CASE("frames whose schema never comes are given up in the end") {
  Tail tail({});
  for (int i = 0; i < 300; ++i) REQUIRE(tail.on_message(frame_message(i)).empty());
  REQUIRE(tail.unreadable() == 300 - 256);
}

TEST_CASE("metrics can be chosen by pattern, and lines be JSON") {
  Tail chosen({"", "hw_*", true});
  chosen.on_message(schema_message());
  const auto line = nlohmann::json::parse(chosen.on_message(frame_message(7.5)));
  REQUIRE(line == nlohmann::json{{"time_ms", 1'795'000'000'123},
                                 {"node", "n1"},
                                 {"name", "hw_power_watts"},
                                 {"labels", {{"rail", "a"}}},
                                 {"value", 7.5}});
  Tail other({"", "node_*", false});
  other.on_message(schema_message());
  REQUIRE(other.on_message(frame_message(7.5)).empty());
}

TEST_CASE("garbage is counted") {
  Tail tail({});
  REQUIRE(tail.on_message({"godwit/v1/n1/up", "garbage", false}).empty());
  REQUIRE(tail.on_message({"godwit/v1/n1/schema/0123456789abcdef", "garbage", false}).empty());
  REQUIRE(tail.on_message({"elsewhere", "garbage", false}).empty());
  REQUIRE(tail.unreadable() == 2);
}

TEST_CASE("a terminal is shown colours, and obeys nothing that a node sends") {
  const std::vector<Series> hostile = {{"m",
                                        {{"a",
                                          "\x1b]0;owned\x07\xc2\x9b"
                                          "2J"}},
                                        Kind::gauge}};
  const std::string schema = encode_schema(std::nullopt, hostile);
  Frame frame;
  frame.schema = schema_id_of(schema);
  frame.seqs = {1};
  frame.times_ms = {1'795'000'000'123};
  frame.columns = {{7.5}};
  const auto show = [&](const TailOptions& options) {
    Tail tail(options);
    tail.on_message({topics::schema("n1", frame.schema), schema, true});
    return tail.on_message({topics::up("n1"), encode_frame(frame), false});
  };
  CHECK(show({}) == "2026-11-18T11:06:40.123Z n1 m{a=\"\uFFFD]0;owned\uFFFD\uFFFD2J\"} 7.5\n");
  CHECK(show({"", "", false, true}) ==
        "\x1b[2m2026-11-18T11:06:40.123Z\x1b[0m \x1b[36mn1\x1b[0m "
        "m{a=\"\uFFFD]0;owned\uFFFD\uFFFD2J\"} \x1b[1m7.5\x1b[0m\n");
  const std::string json = show({"", "", true, true});
  CHECK(json.find('\x1b') == std::string::npos);
  CHECK(json.find("\xc2\x9b") == std::string::npos);
  CHECK(nlohmann::json::parse(json)["labels"]["a"] ==
        "\x1b]0;owned\x07\xc2\x9b"
        "2J");
}

TEST_CASE("schemas that the broker did not send are asked for again, once") {
  struct Asked final : Link {
    Status start(Handler) override { return {}; }
    Status publish(std::string_view, std::string_view, Qos, bool) override { return {}; }
    Status subscribe(std::string_view filter, Qos) override {
      filters.emplace_back(filter);
      return {};
    }
    void stop(std::int64_t) override {}
    [[nodiscard]] LinkStats stats() const override { return {}; }
    std::vector<std::string> filters;
  };
  Asked link;
  Tail tail({});
  tail.ask_again(link);
  CHECK(link.filters.empty());
  tail.on_message(frame_message(1));
  tail.ask_again(link);
  tail.ask_again(link);
  CHECK(link.filters == std::vector<std::string>{"godwit/v1/n1/schema/+"});
}

TEST_CASE("the command prints what an agent sends through a broker") {
  const test::Mosquitto broker;
  MqttOptions options;
  options.port = broker.port();
  options.client_id = "n1";
  test::FakeAgent agent(make_mqtt_link(options), "n1", series);
  agent.publish_schema();
  const test::TempDir dir;
  test::ChildProcess tail({std::string(GODWIT_BINARY_DIR) + "/bin/godwit", "tail", "--broker",
                           broker.url(), "--node", "n1"},
                          dir.file("out"));
  REQUIRE(test::eventually([&] {
    agent.send(agent.frame(1, 1, 1'795'000'000'000));
    return tail.output().find("2026-11-18T11:06:41.000Z n1 node_load1 1001\n") != std::string::npos;
  }));
  REQUIRE(tail.terminate() == 0);
}

}  // namespace
}  // namespace godwit
