#include "edge/health.h"

#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t boot_to_wall = 1'700'000'000'000;

struct Gpu {
  double celsius = 60;
  double memory = 0.5;
  std::string state = {};  // empty: the tool says nothing
  std::string id = "0";
};

// A node: what its collectors say, second by second.
struct Node {
  explicit Node(HealthSettings settings = {}) : health(settings) {}

  [[nodiscard]] HealthTime time() const { return {now_ms, boot_to_wall + now_ms}; }

  void gpus(const std::vector<Gpu>& all, std::string_view collector = "nvidia_smi") {
    Batch batch;
    for (const auto& gpu : all) {
      const Labels labels = {{"hw_id", gpu.id}, {"hw_type", "gpu"}};
      batch.add("hw_temperature_celsius", labels, gpu.celsius);
      batch.add("hw_gpu_memory_usage_bytes", labels, gpu.memory * 8e9);
      batch.add("hw_gpu_memory_limit_bytes", labels, 8e9);
      batch.add_info("hw_gpu_info", labels);
      if (gpu.state.empty()) continue;
      for (const char* state : {"ok", "failed"}) {
        Labels status = labels;
        status.push_back({"hw_state", state});
        batch.add("hw_status", status, gpu.state == state ? 1 : 0);
      }
    }
    health.observe(collector, {}, batch, time());
    left = batch.size();
  }
  void fails(ErrorCode code, std::string_view collector = "nvidia_smi") {
    Batch batch;
    health.observe(collector, Error{code, "told to"}, batch, time());
  }
  void npu(const std::string& state, double celsius = 50) {
    Batch batch;
    Labels labels = {{"hw_id", "0-0"}, {"hw_type", "npu"}};
    batch.add("hw_temperature_celsius", labels, celsius);
    batch.add_info("hw_npu_info", labels);
    labels.push_back({"hw_state", state});
    batch.add("hw_status", labels, 1);
    health.observe("npu_smi", {}, batch, time());
  }

  // "True GPUOverheating: GPU 0: ...".
  std::string condition(std::string_view type) {
    for (const auto& it : health.conditions(time())) {
      if (it.type == type) return concat(status_name(it.status), " ", it.reason, ": ", it.message);
    }
    return "none";
  }
  std::int64_t since(std::string_view type) {
    for (const auto& it : health.conditions(time())) {
      if (it.type == type) return it.since_wall_ms.value_or(-1) - boot_to_wall;
    }
    return -1;
  }
  std::map<std::string, double> series() {
    std::map<std::string, double> out;
    const Batch batch = health.take_series(time());
    for (const auto& sample : batch.samples()) {
      CHECK(out.emplace(format_series(sample.series), sample.value).second);
    }
    return out;
  }

  Health health;
  std::int64_t now_ms = 100'000;
  std::size_t left = 0;
};

std::string state_series(std::string_view state, std::string_view id = "0") {
  return concat("hw_status{hw_id=\"", id, "\",hw_state=\"", state, "\",hw_type=\"gpu\"}");
}

TEST_CASE("health: a GPU that is well") {
  Node node;
  node.gpus({{}});
  CHECK(node.condition("GPUHealthy") == "False GPUIsHealthy: GPU is healthy");
  CHECK(node.condition("GPUHung").starts_with("False GPUIsNotHung"));
  CHECK(node.condition("GPUMemoryPressure").starts_with("False"));
  CHECK(node.condition("GPUTemperatureHigh").starts_with("False"));
  CHECK(node.condition("GPUMissing").starts_with("False"));
  // What no source of this node tells is no condition of it.
  CHECK(node.condition("XIDErrors") == "none");
  CHECK(node.condition("GPUClockThrottling") == "none");
  CHECK(node.condition("NPUUnhealthy") == "none");
  const auto series = node.series();
  CHECK(series.at(state_series("ok")) == 1);
  CHECK(series.at(state_series("failed")) == 0);
  CHECK(series.at(R"(godwit_problem{reason="GPUIsHealthy",type="GPUHealthy"})") == 0);
  CHECK(series.at(R"(godwit_problem_transition_timestamp_seconds{type="GPUHealthy"})") ==
        boot_to_wall / 1000 + 100);
  CHECK(series.size() == 4 + 5 * 2);
  // Told again every 10 s, or when something changes.
  CHECK(node.series().empty());
  node.now_ms += 10'000;
  CHECK(node.series().size() == 14);
}

TEST_CASE("health: a node without accelerators has none") {
  Node node;
  Batch batch;
  batch.add("node_load1", 1);
  batch.add("hw_temperature_celsius", {{"hw_id", "cpu"}, {"hw_type", "temperature"}}, 99);
  node.health.observe("load", {}, batch, node.time());
  node.fails(ErrorCode::no_data, "npu_smi");
  CHECK(node.series().empty());
  CHECK(node.health.record().empty());
}

TEST_CASE("health: too hot, with hysteresis and a transition time that stays") {
  Node node;
  node.gpus({{.celsius = 85}});  // strictly above
  CHECK(node.condition("GPUTemperatureHigh").starts_with("False"));
  node.now_ms = 101'000;
  node.gpus({{.celsius = 85.5}});
  const std::string hot = "True GPUTemperatureHigh: GPU 0: temperature above 85 C";
  CHECK(node.condition("GPUTemperatureHigh") == hot);
  CHECK(node.condition("GPUHealthy") == "True GPUOverheating: GPU 0: temperature above 85 C");
  CHECK(node.series().at(state_series("degraded")) == 1);
  // Not cool enough, however long.
  for (; node.now_ms < 160'000; node.now_ms += 1000) node.gpus({{.celsius = 82.5}});
  CHECK(node.condition("GPUTemperatureHigh") == hot);
  // Cool, but not for long.
  for (; node.now_ms < 188'000; node.now_ms += 1000) node.gpus({{.celsius = 70}});
  CHECK(node.condition("GPUTemperatureHigh") == hot);
  CHECK(node.since("GPUTemperatureHigh") == 101'000);
  for (; node.now_ms < 192'000; node.now_ms += 1000) node.gpus({{.celsius = 70}});
  CHECK(node.condition("GPUTemperatureHigh").starts_with("False GPUTemperatureIsNormal"));
  CHECK(node.since("GPUTemperatureHigh") > 185'000);
  CHECK(node.since("GPUMemoryPressure") == 100'000);
}

TEST_CASE("health: memory, several issues, and which accelerators have them") {
  Node node;
  node.gpus({{.memory = 0.96, .id = "0"}, {.celsius = 90, .id = "1"}, {.id = "2"}});
  CHECK(node.condition("GPUMemoryPressure") ==
        "True GPUMemoryPressure: GPU 0: memory use above 95 %");
  CHECK(node.condition("GPUHealthy") ==
        "True GPUMultipleIssues: GPU 1: temperature above 85 C; GPU 0: memory use above 95 %");
  const auto series = node.series();
  CHECK(series.at(state_series("ok", "0")) == 1);  // full is not broken
  CHECK(series.at(state_series("degraded", "1")) == 1);
  CHECK(series.at(R"(godwit_problem{reason="GPUMemoryPressure",type="GPUMemoryPressure"})") == 1);
  CHECK(series.count("godwit_problem_info{message=\"GPU 0: memory use above 95 %\",reason="
                     "\"GPUMemoryPressure\",type=\"GPUMemoryPressure\"}") == 1);
}

TEST_CASE("health: how often each problem came is counted") {
  Node node;
  const auto came = [&](const char* reason) {
    const auto series = node.series();
    const auto found = series.find(
        concat("godwit_problems_total{reason=\"", reason, "\",type=\"GPUTemperatureHigh\"}"));
    return found == series.end() ? -1 : found->second;
  };
  const auto pass = [&](double celsius) {
    for (int i = 0; i < 40; ++i, node.now_ms += 1000) node.gpus({{.celsius = celsius}});
  };
  pass(60);
  CHECK(came("GPUTemperatureHigh") == -1);
  pass(90);
  CHECK(came("GPUTemperatureHigh") == 1);
  pass(60);
  CHECK(came("GPUTemperatureHigh") == 1);
  pass(90);
  CHECK(came("GPUTemperatureHigh") == 2);
}

TEST_CASE("health: what the device says of itself is one part of its state") {
  Node node;
  node.gpus({{.state = "failed"}, {.state = "ok", .id = "1"}});
  CHECK(node.left == 8);  // hw_status came out
  CHECK(node.condition("GPUHealthy") == "True GPUFailed: GPU 0: reports a failure");
  auto series = node.series();
  CHECK(series.at(state_series("failed")) == 1);
  CHECK(series.at(state_series("ok", "1")) == 1);
  node.now_ms += 31'000;
  node.gpus({{.celsius = 95, .state = "ok"}, {.state = "ok", .id = "1"}});
  CHECK(node.condition("GPUHealthy").starts_with("True GPUOverheating"));
  CHECK(node.series().at(state_series("degraded")) == 1);
}

TEST_CASE("health: a driver that does not answer hangs, one that fails is unknown") {
  Node node;
  node.gpus({{}});
  node.now_ms += 30'000;
  node.fails(ErrorCode::timeout);
  CHECK(node.condition("GPUHung").starts_with("False"));
  CHECK(node.condition("GPUHealthy").starts_with("False"));
  (void)node.series();
  node.now_ms += 31'000;
  const auto series = node.series();  // the hanging collector says no more
  CHECK(series.at(state_series("failed")) == 1);
  CHECK(node.condition("GPUHung") == "True GPUHung: GPU 0: its driver does not answer");
  CHECK(node.condition("GPUHealthy").starts_with("True GPUHung"));
  CHECK(node.condition("GPUTemperatureHigh") ==
        "Unknown GPUMonitoringError: GPU 0: nvidia_smi cannot read it");
  CHECK(series.count(R"(godwit_problem{reason="GPUMonitoringError",type="GPUTemperatureHigh"})") ==
        0);
  node.fails(ErrorCode::no_data);
  CHECK(node.condition("GPUHealthy") ==
        "Unknown GPUNotAvailable: GPU not available for monitoring");
  CHECK(node.series().at(state_series("unknown")) == 1);
  node.gpus({{}});
  CHECK(node.condition("GPUHung").starts_with("False"));
}

TEST_CASE("health: a source that never could read is told, one that does not exist is not") {
  Node node;
  node.fails(ErrorCode::permission, "npu_smi");
  CHECK(node.condition("NPUUnhealthy") ==
        "Unknown NPUMonitoringError: NPU: npu_smi cannot read it");
  CHECK(node.series().size() == 2);  // why, and since when
  node.npu("ok");
  CHECK(node.condition("NPUUnhealthy") == "False NPUIsHealthy: NPU is healthy");
  node.npu("failed");
  CHECK(node.condition("NPUUnhealthy") == "True NPUFailed: NPU 0-0: reports a failure");
}

TEST_CASE("health: a GPU that is not listed any more is missing") {
  Node node;
  node.gpus({{}, {.id = "1"}});
  node.now_ms += 59'000;
  node.gpus({{}});
  CHECK(node.condition("GPUMissing").starts_with("False"));
  node.now_ms += 2'000;
  node.gpus({{}});
  CHECK(node.condition("GPUMissing") == "True GPUMissing: GPU 1: not there");
  CHECK(node.condition("GPUTemperatureHigh").starts_with("False"));
  CHECK(node.series().at(state_series("failed", "1")) == 1);
  node.gpus({{}, {.id = "1"}});
  CHECK(node.condition("GPUMissing").starts_with("False"));

  HealthSettings settings;
  settings.gpus = 2;
  Node other(settings);
  (void)other.series();
  other.now_ms += 61'000;
  other.gpus({{}});
  CHECK(other.condition("GPUMissing").starts_with("True GPUMissing"));
}

TEST_CASE("health: one source takes over from another") {
  Node node;
  node.gpus({{.id = "gpu"}}, "jtop");
  node.fails(ErrorCode::unavailable, "jtop");
  node.now_ms += 90'000;
  node.gpus({{.id = "ga10b"}}, "tegra");
  CHECK(node.condition("GPUHealthy").starts_with("False"));
  CHECK(node.condition("GPUMissing").starts_with("False"));
  CHECK(node.series().count(state_series("ok", "gpu")) == 0);
}

TEST_CASE("health: a Jetson's GPU has its sensor and its cooling device elsewhere") {
  Node node;
  Batch batch;
  batch.add_info("hw_gpu_info", {{"hw_id", "ga10b"}, {"hw_type", "gpu"}});
  batch.add("hw_temperature_celsius", {{"hw_id", "GPU"}, {"hw_type", "temperature"}}, 91);
  batch.add("hw_temperature_celsius", {{"hw_id", "CPU"}, {"hw_type", "temperature"}}, 40);
  node.health.observe("tegra", {}, batch, node.time());
  CHECK(node.condition("GPUTemperatureHigh").starts_with("True"));
  batch.clear();
  batch.add("node_cooling_device_cur_state", {{"name", "0"}, {"type", "cpufreq-cpu0"}}, 3);
  batch.add("node_cooling_device_cur_state", {{"name", "1"}, {"type", "devfreq-17000000.ga10b"}},
            0);
  node.health.observe("thermal", {}, batch, node.time());
  CHECK(node.condition("GPUClockThrottling").starts_with("False"));
  batch.add("node_cooling_device_cur_state", {{"name", "1"}, {"type", "devfreq-17000000.ga10b"}},
            2);
  node.health.observe("thermal", {}, batch, node.time());
  CHECK(node.condition("GPUClockThrottling") ==
        "True GPUClockThrottling: GPU ga10b: clocks are held down");
}

TEST_CASE("health: Xids of the hardware count, those of applications do not") {
  Node node;
  const auto xid = [&](const char* code, double count) {
    Batch batch;
    batch.add_info("hw_gpu_info", {{"hw_id", "0"}, {"hw_type", "gpu"}});
    batch.add("hw_errors_total", {{"hw_id", "0"}, {"hw_type", "gpu"}, {"error_type", code}}, count);
    node.health.observe("nvidia_smi", {}, batch, node.time());
  };
  xid("xid_31", 5);
  CHECK(node.condition("XIDErrors").starts_with("False"));
  xid("xid_79", 1);
  CHECK(node.condition("XIDErrors") == "True XIDErrors: GPU 0: the driver logged Xid 79");
  node.now_ms += 3'601'000;
  xid("xid_79", 1);
  CHECK(node.condition("XIDErrors").starts_with("False"));
  xid("xid_79", 2);
  CHECK(node.condition("XIDErrors").starts_with("True"));
}

TEST_CASE("health: other thresholds are judged beside the settings' own") {
  Node node;
  node.gpus({{.celsius = 80}});
  const auto hot_by = [&](double celsius) {
    const auto all = node.health.conditions({celsius, 95}, node.time());
    return std::find_if(all.begin(), all.end(),
                        [](const Condition& it) { return it.type == "GPUTemperatureHigh"; })
        ->message;
  };
  CHECK(hot_by(75) == "GPU 0: temperature above 75 C");
  CHECK(hot_by(77.5) == "GPU 0: temperature above 77.5 C");
  CHECK(node.condition("GPUTemperatureHigh").starts_with("False"));
  // A bounded number of them.
  for (int i = 0; i < 100; ++i) (void)hot_by(70 + i / 100.0);
}

TEST_CASE("health: the times of conditions outlive a restart, and a clock that was not known") {
  Node node;
  node.gpus({{.celsius = 99}});
  const std::string record = node.health.record();
  Node next;
  next.health.restore(record);
  next.health.restore("damaged\nGPUHealthy Maybe 12\n\xff\xfe 1 2 3");
  next.now_ms = 5'000'000;
  next.gpus({{.celsius = 99}});
  CHECK(next.since("GPUTemperatureHigh") == 100'000);
  CHECK(next.since("GPUHung") == 100'000);
  next.now_ms += 60'000;
  next.gpus({{.celsius = 60}});
  CHECK(next.since("GPUTemperatureHigh") == 5'060'000);

  Health unset{HealthSettings{}};
  Batch batch;
  batch.add_info("hw_gpu_info", {{"hw_id", "0"}, {"hw_type", "gpu"}});
  unset.observe("tegra", {}, batch, {1000, std::nullopt});
  CHECK(unset.record().empty());
  CHECK(unset.conditions({5000, 90'000}).at(0).since_wall_ms == 86'000);
}

}  // namespace
}  // namespace godwit
