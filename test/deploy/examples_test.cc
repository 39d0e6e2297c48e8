// deploy/examples: real subscribers print exactly what was published.
#include <catch2/catch.hpp>

#include "test/support/mosquitto.h"
#include "transport/frame.h"
#include "transport/mqtt_link.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view node = "edge-1";

struct Language {
  std::vector<std::string> command;
  // How its print writes a number and a series with the one label that we use.
  std::string (*number)(double);
  std::string_view labels;
};

// 1 is "1.0".
std::string python_number(double value) {
  const std::string text = format_number(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

// -0 is "0".
std::string javascript_number(double value) { return format_number(value == 0 ? 0.0 : value); }

struct Published {
  std::string root = encode_schema({}, {{"node_load1", {}, Kind::gauge},
                                        {"node_cpu_seconds_total", {}, Kind::counter},
                                        {"node_forks_total", {}, Kind::counter}});
  SchemaId root_id = schema_id_of(root);
  std::string child = encode_schema(root_id, {{"pod_up", {{"pod", "a"}}, Kind::gauge}});
  SchemaId child_id = schema_id_of(child);

  [[nodiscard]] Frame live() const {
    return {
        .stream = 0xffff'ffff'0000'0001,
        .schema = root_id,
        .history = false,
        .seqs = {10, 11, 12, 13},
        .times_ms = {1'795'000'000'000, 1'795'000'001'000, 1'795'000'002'000, 1'795'000'003'500},
        .columns = {
            {0.52, 0.5, 0.5, 0.61}, {182345.12, 182346.1, 182347.08, 182348.07}, {7, 7, 7, 7}}};
  }
  // Gaps, floats, a column without values, and more than zstd leaves alone.
  [[nodiscard]] Frame history() const {
    Frame frame{.stream = 0xffff'ffff'0000'0001,
                .schema = child_id,
                .history = true,
                .seqs = {1, 2, 5},
                .times_ms = {1'700'000'000'000, 1'700'000'000'000, 1'700'000'009'001},
                .columns = {{absent, 1.0 / 3, -0.0},
                            {absent, absent, absent},
                            {0.25, absent, 9007199254740991.0},
                            {1, absent, absent}}};
    for (std::uint64_t t = 0; t < 300; ++t) {
      frame.seqs.push_back(6 + t);
      frame.times_ms.push_back(1'700'000'010'000 + static_cast<std::int64_t>(5000 * t));
      frame.columns[0].push_back(0.1);
      frame.columns[1].push_back(t % 5 == 0 ? 12.5 : absent);
      frame.columns[2].push_back(t % 5 == 0 ? static_cast<double>(t * t) : absent);
      frame.columns[3].push_back(absent);
    }
    return frame;
  }
};

void expect(std::string& out, const Frame& frame, const Language& language) {
  const std::string names[] = {"node_load1", "node_cpu_seconds_total", "node_forks_total",
                               concat("pod_up", language.labels)};
  for (std::size_t i = 0; i < frame.columns.size(); ++i) {
    for (std::size_t t = 0; t < frame.ticks(); ++t) {
      const double value = frame.columns[i][t];
      if (is_absent(value)) continue;
      out += concat(node, " ", frame.times_ms[t], " ", names[i], " ", language.number(value),
                    frame.history ? " history\n" : " live\n");
    }
  }
}

void check(const Language& language, const test::Mosquitto& broker) {
  const test::TempDir folder;
  MqttOptions options;
  options.port = broker.port();
  options.client_id = "examples-test";
  const auto link = make_mqtt_link(options);
  REQUIRE(link->start([](LinkEvent&&) {}));
  const auto publish = [&](const std::string& topic, const std::string& payload, bool retain) {
    REQUIRE(test::eventually(
        [&] { return link->publish(topic, payload, Qos::at_least_once, retain).ok(); }));
  };

  const Published published;
  publish(topics::schema(node, published.root_id), published.root, true);
  test::ChildProcess subscriber(language.command, folder.file("output"));
  std::string expected = "subscribed\n";
  REQUIRE(test::eventually([&] { return subscriber.output() == expected; }, 30s));

  // The second frame comes before its schema.
  const std::string history = encode_frame(published.history());
  REQUIRE(history.front() == '\x28');
  publish(topics::up(node), encode_frame(published.live()), false);
  publish(topics::up(node), history, false);
  publish(topics::schema(node, published.child_id), published.child, true);
  expect(expected, published.live(), language);
  expect(expected, published.history(), language);
  test::eventually([&] { return subscriber.output().size() >= expected.size(); }, 30s);
  CHECK(subscriber.output() == expected);
  link->stop(100);
}

}  // namespace

TEST_CASE("the Python subscriber prints what was published", "[python]") {
  const test::Mosquitto broker;
  const std::string folder = EXAMPLES_DIR;
  check({{folder + "/venv/bin/python", folder + "/subscribe.py", "127.0.0.1",
          std::to_string(broker.port())},
         python_number,
         "{'pod': 'a'}"},
        broker);
}

TEST_CASE("the JavaScript subscriber prints what was published", "[javascript]") {
  const test::Mosquitto broker;
  const std::string folder = EXAMPLES_DIR;
  check({{"node", folder + "/subscribe.js", broker.url()}, javascript_number, "{\"pod\":\"a\"}"},
        broker);
}
