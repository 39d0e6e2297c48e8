#include "edge/collectors/jtop/pickle.h"

#include <chrono>
#include <filesystem>
#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "edge/collectors/jtop/manager.h"
#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using namespace std::string_literals;
using nlohmann::json;

namespace {

json as_json(PickleValue value) {
  JsonWriter writer;
  write_json(value, writer);
  return json::parse(writer.text());
}

json decode(std::string bytes) {
  const auto pickle = Pickle::decode(std::move(bytes));
  REQUIRE(pickle);
  return as_json(pickle->root());
}

std::string why_refused(std::string bytes) {
  const auto pickle = Pickle::decode(std::move(bytes));
  REQUIRE_FALSE(pickle);
  CHECK(pickle.error().code == ErrorCode::invalid);
  return pickle.error().message;
}

std::vector<std::filesystem::path> recorded() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::fixture("jtop"))) {
    if (entry.path().extension() == ".pickle") out.push_back(entry.path());
  }
  return out;
}

}  // namespace

TEST_CASE("pickle: every recorded reply decodes to what Python made of it") {
  const auto files = recorded();
  CHECK(files.size() > 80);
  for (const auto& file : files) {
    INFO(file);
    auto expected =
        json::parse(test::read_file(std::filesystem::path(file).replace_extension("json")));
    const auto pickle = Pickle::decode(test::read_file(file));
    REQUIRE(pickle);
    if (expected[0] == "#ERROR") {
      // The recording holds Python's repr of the exception: "<_queue.Empty () {}>".
      const std::string repr = expected[1];
      CHECK(repr.substr(1, repr.find(' ') - 1) == pickle->root().at(1).class_name());
      continue;
    }
    CHECK(as_json(pickle->root()) == expected);
  }
}

TEST_CASE("pickle: each opcode") {
  CHECK(decode("\x80\x02J\xff\xff\xff\xff."s) == -1);
  CHECK(decode("\x80\x02M\xff\xff."s) == 65535);
  CHECK(decode("\x80\x03\x8a\x00."s) == 0);
  CHECK(decode("\x80\x03\x8a\x01\xff."s) == -1);
  CHECK(decode("\x80\x03\x8a\x05\x00\x00\x00\x00\x01."s) == 4294967296);
  CHECK(decode("\x80\x03\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s) == INT64_MIN);
  CHECK(decode("\x80\x03\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."s) == 9223372036854775808.0);
  CHECK(decode("\x80\x03\x8b\x02\x00\x00\x00\x00\x80."s) == -32768);
  CHECK(decode("\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00."s) == 1.5);
  CHECK(decode("\x80\x04\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."s) == "hi");
  CHECK(decode("\x80\x02U\x02hi."s) == "hi");
  CHECK(decode("\x80\x03"
               "C\x02hi."s) == "<2 bytes>");
  CHECK(decode("\x80\x02)."s) == json::array());
  CHECK(decode("\x80\x02K\x01\x85."s) == json({1}));
  CHECK(decode("\x80\x02K\x01K\x02K\x03\x87."s) == json({1, 2, 3}));
  CHECK(decode("\x80\x02]K\x01"
               "a."s) == json({1}));
  CHECK(decode("\x80\x02](K\x01K\x02"
               "e."s) == json({1, 2}));
  CHECK(decode("\x80\x02}U\x01kK\x01s."s) == json({{"k", 1}}));
  CHECK(decode("\x80\x02}K\x07Ns."s) == json({{"7", nullptr}}));
  CHECK(decode("\x80\x02K\x01K\x02"
               "0."s) == 1);
  CHECK(decode("\x80\x02U\x01kr\x00\x01\x00\x00j\x00\x01\x00\x00\x86."s) == json({"k", "k"}));
  CHECK(decode("\x80\x05\x95\x02\x00\x00\x00\x00\x00\x00\x00\x88."s + "") == true);
}

TEST_CASE("pickle: classes are named, never run") {
  const std::vector<std::string> calls = {
      "cposix\nsystem\nU\x02id\x85R.",                 // REDUCE
      "\x8c\x05posix\x8c\x06system\x93U\x02id\x85R.",  // STACK_GLOBAL
      "(U\x02idiposix\nsystem\n.",                     // INST
      "(cposix\nsystem\nU\x02ido.",                    // OBJ
      "cposix\nsystem\n)\x81}b.",                      // NEWOBJ, BUILD
      "cposix\nsystem\n)}\x92.",                       // NEWOBJ_EX
      "cposix\nsystem\n)RU\x01kK\x01s.",               // items for an object
  };
  for (const auto& call : calls) {
    INFO(quote_for_message(call));
    const auto pickle = Pickle::decode("\x80\x04" + call);
    REQUIRE(pickle);
    CHECK(pickle->root().is(PickleType::opaque));
    CHECK(pickle->root().class_name() == "posix.system");
    CHECK(pickle->root().size() == 0);
    CHECK_FALSE(pickle_copy(pickle->root()));
  }
  CHECK(decode("\x80\x02\x82\x01."s) == "<copyreg.extension>");
  CHECK(decode("\x80\x02K\x01Q."s) == "<pickle.persistent>");
}

TEST_CASE("pickle: what breaks the format or the limits is refused with its place") {
  CHECK(why_refused("") == "pickle, byte 0: not a pickle of protocol 2 or later");
  CHECK(why_refused("\x80\x06N."s) == "pickle, byte 2: protocol is not 2 to 5");
  CHECK(why_refused("\x80\x02N"s) == "pickle, byte 3: cut off");
  CHECK(why_refused("\x80\x02N.N"s) == "pickle, byte 4: more bytes after the end");
  CHECK(why_refused("\x80\x02X\xff\xff\xff\xffhi."s) == "pickle, byte 7: text is cut off");
  CHECK(why_refused("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi."s) ==
        "pickle, byte 11: text is cut off");
  CHECK(why_refused("\x80\x02}r\xff\xff\xff\xff."s) == "pickle, byte 8: memo index is too large");
  CHECK(why_refused("\x80\x02h\x05."s) == "pickle, byte 4: memo index was never set");
  CHECK(why_refused("\x80\x02I1\n."s) == "pickle, byte 3: opcode 0x49 is not supported");
  CHECK(why_refused("\x80\x02](0."s) == "pickle, byte 5: stack is empty");
  CHECK(why_refused("\x80\x02(."s) == "pickle, byte 4: ends without one value");
  CHECK(why_refused("\x80\x02}(K\x01u."s) == "pickle, byte 7: key without a value");
  CHECK(why_refused("\x80\x02K\x01)R."s) == "pickle, byte 6: call of what is no class");
  CHECK(why_refused("\x80\x04\x95\x09\x00\x00\x00\x00\x00\x00\x00N."s) ==
        "pickle, byte 11: frame is cut off");
  const std::string deep = "\x80\x02" + std::string(40, ']') + std::string(39, 'a') + ".";
  CHECK_THAT(why_refused(deep), Catch::Contains("nested too deep"));
  const std::string many = "\x80\x02(" + std::string(pickle_max_values + 1, 'N') + "t.";
  CHECK_THAT(why_refused(many), Catch::Contains("too many values"));
  CHECK_THAT(why_refused(std::string(pickle_max_bytes + 1, '\x80')), Catch::Contains("1 MiB"));
  CHECK_THAT(why_refused("\x80\x02]q\x00h\x00"
                         "a."s),
             Catch::Contains("contains itself"));
}

TEST_CASE("pickle: a value that repeats itself many times is refused, not walked") {
  // Each list holds the one before it ten times: 10^20 values on a walk.
  std::string bytes = "\x80\x02]";
  for (char level = 0; level < 20; ++level) {
    bytes += "q"s + level + "0](";
    for (int i = 0; i < 10; ++i) bytes += "h"s + level;
    bytes += 'e';
  }
  CHECK_THAT(why_refused(bytes + "."), Catch::Contains("too many values"));
}

TEST_CASE("pickle: any cut or flipped byte gives a value or an error") {
  const std::string whole =
      test::read_file(test::fixture("jtop/native_4.2.7_py36/payload/copy-1.pickle"));
  for (std::size_t i = 0; i < whole.size(); i += 3) {
    CHECK_FALSE(Pickle::decode(whole.substr(0, i)));
    for (const char flip : {'\x01', '\x40', '\xff'}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      const auto pickle = Pickle::decode(bytes);
      if (pickle) (void)as_json(pickle->root()["cpu"]);
    }
  }
}

TEST_CASE("pickle: what is written is what Python wrote, and reads back") {
  CHECK(to_hex(jtop_request("", "create", pickle_tuple({pickle_text("sync_data")}))) ==
        "8002284e580600000063726561746528580900000073796e635f64617461747d742e");
  CHECK(to_hex(jtop_request("7f5026806ac0", "copy", pickle_tuple({}))) ==
        "800228580c000000376635303236383036616330"
        "5804000000636f7079"
        "297d742e");
  const std::string interval = pickle_dict({pickle_text("interval"), pickle_real(1.0)});
  CHECK(to_hex(jtop_request("7f5026806ac0", "put", pickle_tuple({interval}))) ==
        "800228580c000000376635303236383036616330"
        "5803000000707574"
        "287d285808000000696e74657276616c473ff000000000000075747d742e");
  for (const auto& file : recorded()) {
    const auto pickle = Pickle::decode(test::read_file(file));
    REQUIRE(pickle);
    const auto copy = pickle_copy(pickle->root());
    if (pickle->root().at(0).text() == "#ERROR") continue;
    REQUIRE(copy);
    CHECK(decode(pickle_document(*copy)) == as_json(pickle->root()));
  }
  CHECK(decode(pickle_document(pickle_integer(-5'000'000'000))) == -5'000'000'000);
  CHECK(decode(pickle_document(pickle_none())) == nullptr);
}

TEST_CASE("pickle: equal keys, the last one counts, and a path through nothing is nothing") {
  const auto pickle = Pickle::decode("\x80\x02}(U\x01kK\x01U\x01kK\x02u."s);
  REQUIRE(pickle);
  CHECK(pickle->root()["k"].integer() == 2);
  CHECK_FALSE(pickle->root()["x"]["y"].at(3)["z"]);
  CHECK_FALSE(pickle->root()["k"].flag());
  CHECK(pickle->root()["k"].text().empty());
}

TEST_CASE("pickle: a recorded reply decodes in far less than a millisecond") {
  const std::string bytes =
      test::read_file(test::fixture("jtop/native_4.2.7_py36/payload/copy-1.pickle"));
  constexpr int rounds = 200;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) REQUIRE(Pickle::decode(bytes));
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  WARN(bytes.size() << " bytes decoded in " << spent.count() / rounds << " ms");
  CHECK(spent.count() / rounds < 2);
}
