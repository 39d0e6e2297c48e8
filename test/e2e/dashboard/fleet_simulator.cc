// fleet_simulator BROKER_PORT NODES: publishes one live frame per node and second, as so many
// agents would, over one connection. Keeps no backlog and takes no notice of acks. Runs until it is
// stopped.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "transport/clock.h"
#include "transport/frame.h"
#include "transport/latest.h"
#include "transport/mqtt_link.h"
#include "transport/schema.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;

namespace {

const Labels gpu = {{"hw_id", "0"}, {"hw_type", "gpu"}};

std::vector<Series> series_of_a_node() {
  return {
      {"hw_gpu_info", {{"hw_id", "0"}, {"hw_model", "Orin NX"}, {"hw_type", "gpu"}}, Kind::info},
      {"godwit_board_info", {{"l4t", "36.3.0"}, {"module", "Jetson Orin NX 16GB"}}, Kind::info},
      {"hw_gpu_utilization_ratio", gpu, Kind::gauge},
      {"hw_gpu_memory_usage_bytes", gpu, Kind::gauge},
      {"hw_gpu_memory_limit_bytes", gpu, Kind::gauge},
      {"hw_temperature_celsius", {{"hw_id", "gpu"}, {"hw_type", "temperature"}}, Kind::gauge},
      {"hw_host_power_watts", {}, Kind::gauge},
      {"node_memory_MemTotal_bytes", {}, Kind::gauge},
      {"node_memory_MemAvailable_bytes", {}, Kind::gauge},
      {"godwit_link_day_bytes", {}, Kind::gauge},
  };
}

std::vector<double> values_of(std::size_t node, std::uint64_t tick) {
  const double wave =
      0.5 + 0.5 * std::sin(0.1 * static_cast<double>(tick) + static_cast<double>(node));
  return {1,
          1,
          wave,
          8e9 * wave,
          16e9,
          40 + 40 * wave,
          5 + 20 * wave,
          16e9,
          16e9 - 9e9 * wave,
          1e4 * static_cast<double>(tick)};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const Clock clock = system_clock();
  const auto nodes = std::strtoul(argv[2], nullptr, 10);
  MqttOptions options;
  options.port = std::atoi(argv[1]);
  options.client_id = "fleet-simulator";
  options.max_in_flight = 4 * nodes;
  const auto link = make_mqtt_link(options);
  if (!link->start([](LinkEvent&&) {})) return 1;

  const std::string schema = encode_schema(std::nullopt, series_of_a_node());
  const SchemaId id = schema_id_of(schema);
  std::vector<std::string> names;
  for (std::size_t n = 0; n < nodes; ++n) names.push_back(concat("camera-", n + 1));
  while (!link->stats().connected) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const NodeStatus birth{.online = true,
                         .boot_id = "simulated",
                         .session = 1,
                         .wall_ms = clock().wall_ms,
                         .version = "0.1.0"};
  for (std::uint64_t tick = 1;; ++tick) {
    for (std::size_t n = 0; n < nodes; ++n) {
      // Some at a time, and again: a broker drops what it has to queue for a relay beyond 1,000.
      if (n % 5 == tick % 5) {
        static_cast<void>(link->publish(topics::status(names[n]), encode_status(birth),
                                        Qos::at_least_once, true));
        static_cast<void>(
            link->publish(topics::schema(names[n], id), schema, Qos::at_least_once, true));
      }
      Frame frame;
      frame.stream = n + 1;
      frame.schema = id;
      frame.seqs = {tick};
      frame.times_ms = {clock().wall_ms};
      for (const double value : values_of(n, tick)) frame.columns.push_back({value});
      static_cast<void>(
          link->publish(topics::up(names[n]), encode_frame(frame), Qos::at_most_once, false));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}
