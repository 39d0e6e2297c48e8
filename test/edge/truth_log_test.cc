#include "edge/truth_log.h"

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

TEST_CASE("the truth log has one line per tick, per frame sent and per loss") {
  const test::TempDir dir;
  TruthLog log(dir.file("truth"));
  REQUIRE(log.on());
  log.tick(0x1f3a, 7, 100, std::nullopt, {{{"node_load1", {}, Kind::gauge}, 0.5}});
  Frame frame;
  frame.stream = 0x1f3a;
  frame.seqs = {7, 8};
  frame.times_ms = {456, 1456};
  log.sent(frame);
  log.lost(0x1f3a, "thinned", {7, 9, 10, 11, 20});
  log.lost(0x1f3a, "full", {21});
  CHECK(test::read_file(dir.file("truth")) ==
        R"({"seq":7,"stream":"0000000000001f3a","boot_ms":100,"wall_ms":null,"v":{"node_load1":0.5}}
{"sent":[7,8],"stream":"0000000000001f3a","t":[456,1456]}
{"lost":"thinned","stream":"0000000000001f3a","seqs":[[7,7],[9,11],[20,20]]}
{"lost":"full","stream":"0000000000001f3a","seqs":[[21,21]]}
)");
}

TEST_CASE("an empty path switches the truth log off") {
  TruthLog log("");
  CHECK_FALSE(log.on());
  log.lost(1, "full", {1});
}

}  // namespace
}  // namespace godwit
