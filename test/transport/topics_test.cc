#include "transport/topics.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("topics are built and taken apart") {
  CHECK(topics::up("n1") == "godwit/v1/n1/up");
  CHECK(topics::shared("relay", topics::up("+")) == "$share/relay/godwit/v1/+/up");
  const auto check = [](const std::string& topic, TopicKind kind, std::string_view rest) {
    INFO(topic);
    const auto parsed = parse_topic(topic);
    REQUIRE(parsed);
    CHECK(parsed->node == "Edge-1.site_a");
    CHECK(parsed->kind == kind);
    CHECK(parsed->rest == rest);
  };
  const std::string node = "Edge-1.site_a";
  check(topics::up(node), TopicKind::up, "");
  check(topics::down(node), TopicKind::down, "");
  check(topics::status(node), TopicKind::status, "");
  check(topics::schema(node, 0xab), TopicKind::schema, "00000000000000ab");
  check(topics::latest(node, "jtop"), TopicKind::latest, "jtop");
}

TEST_CASE("topics that are not ours are not taken") {
  for (const auto* topic :
       {"", "godwit/v1/", "godwit/v1/relay", "godwit/v1/relay/up", "godwit/v1/n", "godwit/v1//up",
        "godwit/v1/n/up/", "godwit/v1/n/UP", "godwit/v2/n/up", "godwit/v1/n+/up",
        "x/godwit/v1/n/up", "godwit/v1/n/schema/12", "godwit/v1/n/schema/00000000000000AB",
        "godwit/v1/n/latest/", "godwit/v1/n/latest/a/b", "godwit/v1/n/latest/#"}) {
    INFO(topic);
    CHECK_FALSE(parse_topic(topic));
  }
}

TEST_CASE("node names are what brokers and Kubernetes allow") {
  CHECK(check_node_name("edge-1.example"));
  CHECK(check_node_name(std::string(253, 'a')));
  for (const auto& bad :
       {std::string(), std::string(254, 'a'), std::string("a/b"), std::string("a+"),
        std::string("#"), std::string("a b"), std::string("relay"), std::string("\xc3\xa9")}) {
    CHECK_FALSE(check_node_name(bad));
  }
}
