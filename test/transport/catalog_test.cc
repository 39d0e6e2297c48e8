#include "transport/catalog.h"

#include <limits>
#include <set>

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("catalog: an exact name wins over a pattern, a foreign name has none") {
  REQUIRE(find_metric("node_load1")->name == "node_load1");
  REQUIRE(find_metric("node_memory_MemTotal_bytes")->name == "node_memory_*_bytes");
  REQUIRE(find_metric("node_memory_HugePages_Total")->name == "node_memory_*");
  REQUIRE(find_metric("up") == nullptr);
}

TEST_CASE("catalog: names are unique and follow the naming rules") {
  std::set<std::string_view> seen;
  for (const auto& entry : catalog()) {
    INFO(entry.name);
    CHECK(seen.insert(entry.name).second);
    CHECK_FALSE(entry.help.empty());
    CHECK(entry.help.find_first_of("\\\n") == std::string_view::npos);
    CHECK((entry.kind == Kind::counter) == entry.name.ends_with("_total"));
    // node_* are spelled as node_exporter spells them.
    if (entry.name.starts_with("node_")) continue;
    if (entry.kind == Kind::info) CHECK(entry.name.ends_with("_info"));
    if (!entry.unit.empty()) CHECK(entry.name.find(entry.unit) != std::string_view::npos);
  }
}

TEST_CASE("batch: sorts labels, drops empty ones and NaN") {
  Batch batch;
  batch.add("hw_temperature_celsius", {{"hw_type", "gpu"}, {"hw_id", "0"}, {"x", ""}}, 41.5);
  batch.add("node_load1", std::numeric_limits<double>::quiet_NaN());
  REQUIRE(batch.size() == 1);
  CHECK(format_series(batch.samples()[0].series) ==
        R"(hw_temperature_celsius{hw_id="0",hw_type="gpu"})");
}
