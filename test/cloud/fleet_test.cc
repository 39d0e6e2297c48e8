#include "cloud/fleet.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

NodeStatus status(bool online, const std::string& boot, std::uint64_t session) {
  return {online, boot, session, 0, "1", 3};
}

TEST_CASE("a death counts only for the life that it ends") {
  Fleet fleet;
  fleet.on_status("n", status(true, "boot", 1));
  REQUIRE(fleet.nodes().at("n").online);
  REQUIRE(fleet.nodes().at("n").backlog_ticks == 3);
  fleet.on_status("n", status(true, "boot", 2));   // restarted
  fleet.on_status("n", status(false, "boot", 1));  // the late will of the first
  REQUIRE(fleet.nodes().at("n").online);
  fleet.on_status("n", status(false, "other", 2));
  REQUIRE(fleet.nodes().at("n").online);
  fleet.on_status("n", status(false, "boot", 2));
  REQUIRE_FALSE(fleet.nodes().at("n").online);
}

TEST_CASE("since when a node is there or gone is known from the status, or from when it came") {
  Fleet fleet;
  NodeStatus birth = status(true, "boot", 1);
  birth.wall_ms = 1000;
  birth.clock = "relay";
  fleet.on_status("n", birth);
  birth.wall_ms = 5000;  // told again: the clock's state changed
  birth.clock = "synchronised";
  fleet.on_status("n", birth, 5001);
  CHECK(fleet.nodes().at("n").since_ms == 1000);
  CHECK(fleet.nodes().at("n").clock == "synchronised");
  fleet.on_status("n", status(false, "boot", 1), 9000);  // a will knows no time
  CHECK(fleet.nodes().at("n").since_ms == 9000);
  CHECK(fleet.nodes().at("n").clock == "synchronised");
  fleet.on_status("retained", status(false, "boot", 1));
  CHECK(fleet.nodes().at("retained").since_ms == 0);
  birth.since_ms = 800;  // whoever hears it, and when
  fleet.on_status("n", birth, 9500);
  fleet.on_status("retained", birth, 9600);
  CHECK(fleet.nodes().at("n").since_ms == 800);
  CHECK(fleet.nodes().at("retained").since_ms == 800);
}

TEST_CASE("frames and stored samples are noted, and catching up is told from live") {
  Fleet fleet;
  fleet.on_frame("n", 1000, true);
  REQUIRE(fleet.nodes().at("n").catching_up);
  fleet.on_frame("n", 2000, false);
  fleet.on_stored("n", 1900);
  fleet.on_stored("n", 1500);  // backlog after live
  const auto& presence = fleet.nodes().at("n");
  REQUIRE_FALSE(presence.catching_up);
  REQUIRE(presence.last_frame_ms == 2000);
  REQUIRE(presence.last_sample_ms == 1900);
}

TEST_CASE("what a node declares lost is known until it declares something else") {
  Fleet fleet;
  fleet.on_frame("n", 1000, true, {{"full", 3}, {"thinned", 4}});
  fleet.on_frame("n", 2000, false);
  REQUIRE(fleet.nodes().at("n").lost.at("thinned") == 4);
  fleet.on_frame("n", 3000, false, {{"thinned", 9}});
  REQUIRE(fleet.nodes().at("n").lost.size() == 1);
}

TEST_CASE("the fleet is bounded and a cleared status makes room") {
  Fleet fleet(2);
  for (const auto node : {"a", "b", "c"}) fleet.on_status(node, status(true, "boot", 1));
  REQUIRE(fleet.nodes().size() == 2);
  REQUIRE(fleet.nodes().count("c") == 0);
  fleet.forget("a");
  fleet.on_frame("c", 1, false);
  REQUIRE(fleet.nodes().count("c") == 1);
}

}  // namespace
}  // namespace godwit
