#include "edge/once_table.h"

#include <sstream>

#include <catch2/catch.hpp>

#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

std::vector<Reading> readings() {
  Batch batch;
  batch.add("hw_host_power_watts", 5.125);
  batch.add("hw_temperature_celsius", {{"hw_id", "CPU"}, {"hw_type", "temperature"}}, 41.8);
  batch.add_info("hw_gpu_info", {{"hw_id", "0"},
                                 {"hw_type", "gpu"},
                                 {"hw_model", "Xavier NX"},
                                 {"hw_name", "a name that is somewhat long for a line"}});
  batch.add("hw_gpu_utilization_ratio", {{"hw_id", "0"}, {"hw_type", "gpu"}}, 0.096);
  batch.add("hw_gpu_memory_limit_bytes", {{"hw_id", "0"}, {"hw_type", "gpu"}}, 8589934592.0);
  for (const std::string state : {"ok", "degraded", "failed"}) {
    batch.add("hw_status", {{"hw_id", "0"}, {"hw_type", "gpu"}, {"hw_state", state}},
              state == "degraded" ? 1 : 0);
  }
  batch.add("godwit_cpu_online", {{"cpu", "1"}}, 1);
  batch.add("hw_cpu_speed_hertz", {{"hw_id", "cpu1"}, {"hw_type", "cpu"}}, 1.2e9);
  Reading reading;
  reading.name = "jtop";
  reading.samples = batch.take();
  reading.seconds = 0.0125;
  std::vector<Reading> all;
  all.push_back(std::move(reading));
  return all;
}

std::string table(TableStyle style) {
  std::ostringstream out;
  print_table(readings(), style, out);
  return out.str();
}

TEST_CASE("once is a table by device, in units for people") {
  CHECK(table({}) ==
        "jtop  10 readings in 12.5 ms\n"
        "  hw_host_power_watts                      5.1 W\n"
        "  hw_temperature_celsius  temperature CPU  41.8 °C\n"
        "  gpu 0\n"
        "    hw_gpu_info                            "
        "hw_model=Xavier NX, hw_name=a name that is somewhat long for a line\n"
        "    hw_gpu_utilization_ratio               9.6 %\n"
        "    hw_gpu_memory_limit_bytes              8 GiB\n"
        "    hw_status                              degraded\n"
        "  cpu 1\n"
        "    godwit_cpu_online                      1\n"
        "    hw_cpu_speed_hertz                     1.2 GHz\n\n");
}

TEST_CASE("lines fit the terminal, and what an info says is not cut off") {
  for (const std::size_t width : {40U, 60U, 80U, 120U}) {
    const std::string text = table({width, false});
    for (const auto line : split_lines(text)) {
      INFO(line);
      CHECK(columns_of(line) <= width);
    }
    CHECK(text.find("hw_model=") != std::string::npos);
    CHECK(text.find("hw_name=") != std::string::npos);
  }
  CHECK(table({80, false}).find("\n" + std::string(43, ' ') + "hw_name=a name that is somewhat") !=
        std::string::npos);
  const std::string colored = table({80, true});
  CHECK(colored.find("\x1b[36mgpu 0\x1b[0m") != std::string::npos);
  CHECK(table({80, false}).find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace godwit
