#include "transport/json_writer.h"

#include <limits>

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("json: nesting, commas and escapes") {
  JsonWriter json;
  json.begin_object();
  json.member("text", "a\"\\\n\x01");
  json.member("bad", "\xff");
  json.member("number", 1.5);
  json.member("nothing", std::numeric_limits<double>::infinity());
  json.member("yes", true);
  json.key("list");
  json.begin_array();
  json.value(1);
  json.value("two");
  json.end_array();
  json.key("empty");
  json.begin_object();
  json.end_object();
  json.end_object();
  CHECK(json.text() == R"({"text":"a\"\\\n\u0001","bad":"\ufffd","number":1.5,"nothing":null,)"
                       R"("yes":true,"list":[1,"two"],"empty":{}})");
}

TEST_CASE("json: indentation") {
  JsonWriter json(2);
  json.begin_object();
  json.key("a");
  json.begin_array();
  json.value(1);
  json.end_array();
  json.end_object();
  CHECK(json.text() == "{\n  \"a\": [\n    1\n  ]\n}");
}
