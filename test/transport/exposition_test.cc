#include "transport/exposition.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("exposition: groups by name with HELP and TYPE, escapes label values") {
  Batch batch;
  batch.add("node_load5", 0.25);
  batch.add("hw_power_watts", {{"hw_id", "B"}}, 2);
  batch.add("node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, 1e6);
  batch.add("hw_power_watts", {{"hw_id", "a\"b\\c\nd"}}, 1.5);
  const std::string text = expose(batch.samples());
  CHECK(text ==
        "# HELP hw_power_watts Power of a rail, chip or card at this moment.\n"
        "# TYPE hw_power_watts gauge\n"
        "hw_power_watts{hw_id=\"B\"} 2\n"
        "hw_power_watts{hw_id=\"a\\\"b\\\\c\\nd\"} 1.5\n"
        "# HELP node_cpu_seconds_total Time each CPU spent in each mode.\n"
        "# TYPE node_cpu_seconds_total counter\n"
        "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1e+06\n"
        "# HELP node_load5 Load average of 5 minutes.\n"
        "# TYPE node_load5 gauge\n"
        "node_load5 0.25\n");
}
