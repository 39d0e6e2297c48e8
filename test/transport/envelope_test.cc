#include "transport/envelope.h"

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/digest.h"
#include "transport/text.h"

using namespace godwit;

namespace {

const std::string key = "a key of some node";
const NodeKey known_key = [](std::string_view) { return Result<std::string>(key); };

Envelope example() {
  Envelope envelope;
  envelope.node = "edge-1";
  envelope.boot_id = "8f2c1a3e-0f4b-4a63-9b57-4a8a7b3f0c11";
  envelope.session = 0x1234;
  envelope.seq = 7;
  envelope.parts = {{"schema/0123456789abcdef", std::string("\x81\xff\x00", 3)}, {"up", "frame"}};
  return envelope;
}

}  // namespace

TEST_CASE("an envelope comes back whole, as one line of ASCII") {
  const std::string text = seal_envelope(example(), key);
  for (const char c : text) CHECK((c >= ' ' && c < 0x7f));
  const auto opened = open_envelope(text, Envelope::Direction::up, known_key);
  REQUIRE(opened.ok());
  CHECK(opened->node == "edge-1");
  CHECK(opened->boot_id == example().boot_id);
  CHECK(opened->session == 0x1234);
  CHECK(opened->seq == 7);
  CHECK(opened->parts == example().parts);
}

TEST_CASE("an envelope is believed only under the key of its node and in its direction") {
  const std::string text = seal_envelope(example(), key);
  const NodeKey other = [](std::string_view) { return Result<std::string>(std::string("other")); };
  const auto forged = open_envelope(text, Envelope::Direction::up, other);
  REQUIRE(!forged.ok());
  CHECK(forged.error().code == ErrorCode::permission);
  CHECK(!open_envelope(text, Envelope::Direction::down, known_key).ok());
  const NodeKey none = [](std::string_view) {
    return Result<std::string>(Error{ErrorCode::permission, "no key"});
  };
  CHECK(open_envelope(text, Envelope::Direction::up, none).error().message ==
        "envelope of edge-1: no key");
}

TEST_CASE("whatever byte of an envelope changes, it is refused") {
  const std::string text = seal_envelope(example(), key);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(!open_envelope(changed, Envelope::Direction::up, known_key).ok());
  }
  CHECK(!open_envelope("", Envelope::Direction::up, known_key).ok());
  CHECK(!open_envelope(std::string(max_envelope_bytes + 1, 'a'), Envelope::Direction::up, known_key)
             .ok());
}

TEST_CASE("a signed envelope with foreign content is an error, not a crash") {
  const auto signed_text = [](std::string_view content) {
    std::string text = concat("godwit1 up edge-1 boot 0000000000000001 1 ", content);
    return concat(text, " ", to_hex(hmac_sha256(key, text)));
  };
  for (const std::string_view content :
       {"", "####", "AAAA", "3f////8=", "kZKhdQ==", "kJA=", "3AEA"}) {
    CHECK(!open_envelope(signed_text(content), Envelope::Direction::up, known_key).ok());
  }
  CHECK(open_envelope(signed_text("kA=="), Envelope::Direction::up, known_key)->parts.empty());
}

TEST_CASE("what the bound allows fits into 64 KiB") {
  Envelope envelope = example();
  envelope.node = std::string(253, 'n');
  envelope.boot_id = std::string(64, 'b');
  envelope.seq = UINT64_MAX;
  const std::string topic = "schema/0123456789abcdef";
  envelope.parts = {
      {topic, std::string(max_envelope_content - topic.size() - envelope_part_overhead, 'x')}};
  CHECK(seal_envelope(envelope, key).size() <= max_envelope_bytes);
}

TEST_CASE("each node's key differs and is the same each time") {
  CHECK(derive_node_key("master", "a") != derive_node_key("master", "b"));
  CHECK(derive_node_key("master", "a") == derive_node_key("master", "a"));
  CHECK(derive_node_key("master", "a").size() == 32);
}

TEST_CASE("the envelope of FRAME.md opens") {
  const std::string document =
      test::read_file(std::string(GODWIT_SOURCE_DIR) + "/transport/FRAME.md");
  constexpr std::string_view opening = "```envelope\n";
  const auto begin = document.find(opening) + opening.size();
  const std::string text = document.substr(begin, document.find('\n', begin) - begin);
  const auto opened = open_envelope(text, Envelope::Direction::up, [](std::string_view) {
    return Result<std::string>(std::string("example key"));
  });
  REQUIRE(opened.ok());
  CHECK(opened->node == "edge-1");
  CHECK(opened->seq == 7);
  CHECK(opened->parts == std::vector<EnvelopePart>{{"up", "frame"}});
  CHECK(seal_envelope(*opened, "example key") == text);
}
