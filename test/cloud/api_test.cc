// The cluster metrics API on readings made by hand and by the agent's own reader of npu-smi: whole
// answers (golden files), thresholds, errors, and what the database is asked for the past.
#include "cloud/api.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cloud/api_json.h"
#include "test/cloud/npu_frames.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t now_ms = 1'795'000'010'000;  // 2026-11-18T11:06:50Z

Clock fixed_clock() {
  return [] { return TimePoint{now_ms, 0}; };
}

// Two ticks, ten seconds apart. A counter has the second value as its increase per second.
class NodeFrame {
 public:
  void gauge(const std::string& name, Labels labels, double value) {
    add(name, std::move(labels), Kind::gauge, value, value);
  }
  void counter(const std::string& name, Labels labels, double rate) {
    add(name, std::move(labels), Kind::counter, 100, 100 + rate * 10);
  }
  void show(LatestView& view, std::string_view node) {
    frame_.seqs = {1, 2};
    frame_.times_ms = {now_ms - 10'000, now_ms};
    schema_.id = std::hash<std::string_view>()(node) | 1;
    view.on_presence(node, true);
    view.on_live(node, schema_, frame_, now_ms);
  }

 private:
  void add(const std::string& name, Labels labels, Kind kind, double first, double second) {
    std::sort(labels.begin(), labels.end());
    schema_.series.push_back({name, std::move(labels), kind});
    frame_.columns.push_back({first, second});
  }

  Schema schema_;
  Frame frame_;
};

void add_pods(NodeFrame& frame) {
  const Labels pod = {{"namespace", "edge-apps"}, {"pod", "camera-7d4f"}};
  const auto with = [&](Labels more) {
    more.insert(more.end(), pod.begin(), pod.end());
    return more;
  };
  frame.gauge("kube_pod_info", with({{"uid", "0f1e"}}), 1);
  frame.gauge("kube_pod_status_phase", with({{"phase", "Running"}}), 1);
  frame.gauge("kube_pod_status_phase", with({{"phase", "Pending"}}), 0);
  frame.gauge("kube_pod_status_ready", with({{"condition", "true"}}), 1);
  frame.gauge("kube_pod_start_time", pod, 1767323045);
  frame.counter("container_cpu_usage_seconds_total", pod, 0.3);
  frame.gauge("container_memory_working_set_bytes", pod, 96 << 20);
  for (const auto& [name, rate] : {std::pair("detect", 0.25), std::pair("upload", 0.04)}) {
    const Labels container = with({{"container", name}});
    frame.counter("container_cpu_usage_seconds_total", container, rate);
    frame.gauge("container_memory_working_set_bytes", container, 40 << 20);
    frame.gauge("kube_pod_container_status_restarts_total", container, 2);
  }
  const auto limit = [&](const char* resource, double value) {
    frame.gauge("kube_pod_container_resource_limits",
                with({{"container", "detect"}, {"resource", resource}, {"unit", "x"}}), value);
  };
  limit("cpu", 1.5);
  limit("memory", 128 << 20);
  frame.gauge("kube_pod_container_resource_requests",
              with({{"container", "upload"}, {"resource", "cpu"}, {"unit", "core"}}), 0.1);
  frame.gauge("kube_pod_info", {{"namespace", "batch"}, {"pod", "job-1"}, {"uid", "11"}}, 1);
  frame.gauge("kube_pod_status_phase",
              {{"namespace", "batch"}, {"pod", "job-1"}, {"phase", "Pending"}}, 1);
}

NodeFrame jetson() {
  NodeFrame frame;
  for (const char* cpu : {"0", "1"}) {
    frame.counter("node_cpu_seconds_total", {{"cpu", cpu}, {"mode", "idle"}}, 0.6);
    frame.counter("node_cpu_seconds_total", {{"cpu", cpu}, {"mode", "iowait"}}, 0.1);
    frame.counter("node_cpu_seconds_total", {{"cpu", cpu}, {"mode", "user"}}, 0.3);
  }
  frame.gauge("node_memory_MemTotal_bytes", {}, 8e9);
  frame.gauge("node_memory_MemAvailable_bytes", {}, 6e9);
  frame.gauge("node_load1", {}, 1.25);
  for (const auto& [path, size] : {std::pair("/", 32e9), std::pair("/data", 512e9)}) {
    const Labels labels = {{"device", "d"}, {"fstype", "ext4"}, {"mountpoint", path}};
    frame.gauge("node_filesystem_size_bytes", labels, size);
    frame.gauge("node_filesystem_free_bytes", labels, size / 2);
    frame.gauge("node_filesystem_avail_bytes", labels, size / 4);
  }
  frame.gauge("node_network_speed_bytes", {{"device", "eth0"}}, 125e6);
  frame.gauge("node_uname_info",
              {{"machine", "aarch64"}, {"sysname", "Linux"}, {"release", "5.10.104-tegra"}}, 1);
  const Labels gpu = {{"hw_id", "gv11b"}, {"hw_type", "gpu"}};
  frame.gauge("hw_gpu_info",
              {{"hw_id", "gv11b"}, {"hw_type", "gpu"}, {"hw_model", "NVIDIA Jetson Xavier NX"}}, 1);
  frame.gauge("hw_gpu_utilization_ratio", gpu, 0.375);
  frame.gauge("hw_gpu_memory_limit_bytes", gpu, 7765 * 1048576.0);
  frame.gauge("hw_gpu_memory_usage_bytes", gpu, 512 * 1048576.0);
  frame.gauge("hw_temperature_celsius", gpu, 41.5);
  frame.gauge("hw_temperature_celsius", {{"hw_id", "cpu"}, {"hw_type", "temperature"}}, 44);
  frame.gauge("hw_host_power_watts", {}, 6.5);
  frame.gauge("godwit_link_rtt_seconds", {}, 0.021);
  frame.gauge("godwit_network_rtt_seconds", {{"target", "nas"}}, 0.002);
  frame.gauge("godwit_network_loss_ratio", {{"target", "nas"}}, 0);
  frame.gauge("godwit_network_loss_ratio", {{"target", "far"}}, 1);
  frame.gauge("godwit_problem", {{"type", "GPUTemperatureHigh"}}, 1);
  frame.gauge("godwit_problem_info",
              {{"type", "GPUTemperatureHigh"}, {"reason", "TooHot"}, {"message", "gv11b: 96 C"}},
              1);
  frame.gauge("godwit_problem", {{"type", "GPUHung"}}, 0);
  add_pods(frame);
  return frame;
}

void show_fleet(LatestView& view) {
  jetson().show(view, "jetson-1");
  const auto npu = test::npu_frame("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt", now_ms);
  Schema schema = npu.schema;
  schema.id = 910;
  view.on_live("ascend-1", schema, npu.frame, now_ms);
  view.on_presence("ascend-1", false);
}

HttpResponse get(const Api& api, const std::string& path, const std::string& query = "") {
  return api.serve({"GET", path, query, ""});
}

std::string pretty(const HttpResponse& response) {
  REQUIRE(response.status == 200);
  CHECK(response.content_type == "application/json");
  CHECK(response.any_origin);
  return Json::parse(response.body).dump(1) + "\n";
}

TEST_CASE("api: whole answers") {
  LatestView view;
  show_fleet(view);
  const Api api(view, {}, fixed_clock());
  for (const std::string what : {"cluster", "nodes", "nodes/jetson-1", "pods",
                                 "pods/edge-apps/camera-7d4f", "network", "snapshot"}) {
    INFO(what);
    std::string file = what;
    std::replace(file.begin(), file.end(), '/', '_');
    CHECK(test::is_golden(concat("api/", file, ".json"),
                          pretty(get(api, "/api/v1/metrics/" + what))));
  }
  CHECK(Json::parse(get(api, "/health").body)["status"] == "healthy");
}

TEST_CASE("api: errors are plain text") {
  LatestView view;
  show_fleet(view);
  const Api api(view, {}, fixed_clock());
  const auto answers = [&](const std::string& path, int status, const std::string& text) {
    const auto response = get(api, "/api/v1/metrics" + path);
    INFO(path);
    CHECK(response.status == status);
    CHECK(response.body == text + "\n");
    CHECK(response.content_type == "text/plain; charset=utf-8");
  };
  answers("/nodes/nobody", 404, "Node not found: nobody");
  answers("/nodes/", 400, "Node name is required");
  answers("/pods/edge-apps/nothing", 404, "Pod not found: edge-apps/nothing");
  answers("/pods/edge-apps", 400, "Pod namespace and name are required");
  answers("/uav", 404, "404 page not found");
  answers("/nodes/a/b", 404, "404 page not found");
  CHECK(api.serve({"POST", "/api/v1/metrics/cluster", "", ""}).body == "Method not allowed\n");
  CHECK(api.serve({"POST", "/api/v1/metrics/cluster", "", ""}).status == 405);
  CHECK(get(api, "/api/v1/metrics/cluster", "range=forever").status == 400);
  const auto past = get(api, "/api/v1/metrics/cluster", "at=1795000000");
  CHECK(past.status == 503);
  CHECK(past.body == "Metrics manager not available: query_url is not known\n");
}

TEST_CASE("api: a node that is silent or away is not healthy") {
  LatestView view;
  jetson().show(view, "n");
  const auto node = [&](std::int64_t at_ms) {
    const Api api(view, {}, [at_ms] { return TimePoint{at_ms, 0}; });
    return Json::parse(get(api, "/api/v1/metrics/nodes/n").body)["data"];
  };
  CHECK(node(now_ms + 90'000)["healthy"] == true);
  CHECK(node(now_ms + 91'000)["healthy"] == false);
  CHECK(node(now_ms + 91'000)["conditions"][0] == "NotReady: no live readings for 91 s");
  view.on_presence("n", false);
  CHECK(node(now_ms)["conditions"][0] == "NotReady: the agent is not connected");
  view.on_presence("new", true);
  const Api api(view, {}, fixed_clock());
  const auto fresh = Json::parse(get(api, "/api/v1/metrics/nodes/new").body)["data"];
  CHECK(fresh["conditions"] == Json({"NotReady: no live readings yet"}));
  CHECK(fresh["gpu_usage"] == Json::array());
}

TEST_CASE("api: pods that the last look did not see are gone") {
  LatestView view;
  jetson().show(view, "n");
  NodeFrame later;
  later.gauge("kube_pod_info", {{"namespace", "batch"}, {"pod", "job-1"}, {"uid", "11"}}, 1);
  Schema schema{
      7,
      {{"kube_pod_info", {{"namespace", "batch"}, {"pod", "job-1"}, {"uid", "11"}}, Kind::gauge}}};
  Frame frame;
  frame.seqs = {9};
  frame.times_ms = {now_ms + 10'000};
  frame.columns = {{1}};
  view.on_live("n", schema, frame, now_ms);
  const Api api(view, {}, fixed_clock());
  const auto pods = Json::parse(get(api, "/api/v1/metrics/pods").body);
  CHECK(pods["count"] == 1);
  CHECK(pods["data"].contains("batch/job-1"));
}

NodeState node_with(double cpu_percent, double memory_percent, bool healthy = true) {
  NodeState state;
  state.node.healthy = healthy;
  state.node.cpu_capacity = 1000;
  state.node.cpu_usage = std::llround(cpu_percent * 10);
  state.node.memory_capacity = 1000;
  state.node.memory_usage = std::llround(memory_percent * 10);
  return state;
}

TEST_CASE("api: the cluster's thresholds are passed only by what is above them") {
  const auto judge = [](const std::vector<NodeState>& nodes) {
    const auto cluster = describe_cluster(nodes, 1);
    std::string out = cluster.status;
    for (const auto& issue : cluster.issues) out += "; " + issue;
    return out;
  };
  const auto well = node_with(10, 10);
  const auto ill = node_with(10, 10, false);
  CHECK(judge({}) == "healthy");
  CHECK(judge({node_with(80, 80)}) == "healthy");
  CHECK(judge({node_with(80.1, 10)}) == "warning; High CPU usage: 80.1%");
  CHECK(judge({node_with(10, 85.5)}) == "warning; High memory usage: 85.5%");
  CHECK(judge({node_with(90, 90)}) == "warning; High CPU usage: 90.0%; High memory usage: 90.0%");
  CHECK(judge({node_with(90.1, 10)}) == "critical; High CPU usage: 90.1%");
  CHECK(judge({node_with(10, 90.1)}) == "critical; High memory usage: 90.1%");
  // Fewer than half, by whole numbers.
  CHECK(judge({well, ill}) == "warning; 1 nodes are unhealthy");
  CHECK(judge({ill}) == "warning; 1 nodes are unhealthy");
  CHECK(judge({well, ill, ill}) == "warning; 2 nodes are unhealthy");
  CHECK(judge({well, ill, ill, ill}) == "critical; 3 nodes are unhealthy");
  CHECK(judge({ill, ill}) == "critical; 2 nodes are unhealthy");
}

TEST_CASE("api: GPUs below half their load are available; pressure is 80, 80, 90") {
  NodeState state = node_with(0, 0);
  state.node.gpus = {{"a", 49.9, 0, 0}, {"b", 50, 0, 0}, {"c", 100, 0, 0}};
  CHECK(describe_cluster({state}, 1).gpus == 3);
  CHECK(describe_cluster({state}, 1).available_gpus == 1);
  const auto pressed = [](double cpu, double memory, double disk) {
    NodeMetrics node;
    node.cpu_rate = cpu;
    node.memory_rate = memory;
    node.disk_rate = disk;
    return is_under_pressure(node);
  };
  CHECK_FALSE(pressed(80, 80, 90));
  CHECK(pressed(80.5, 0, 0));
  CHECK(pressed(0, 80.5, 0));
  CHECK(pressed(0, 0, 90.5));
}

TEST_CASE("api: little memory or disk left makes a node unhealthy") {
  LatestView view;
  NodeFrame frame;
  frame.gauge("node_memory_MemTotal_bytes", {}, 4e9);
  frame.gauge("node_memory_MemAvailable_bytes", {}, 5e7);
  const Labels disk = {{"device", "d"}, {"fstype", "ext4"}, {"mountpoint", "/"}};
  frame.gauge("node_filesystem_size_bytes", disk, 1e9);
  frame.gauge("node_filesystem_free_bytes", disk, 1e8);
  frame.gauge("node_filesystem_avail_bytes", disk, 9e7);
  frame.show(view, "n");
  const Api api(view, {}, fixed_clock());
  const auto node = Json::parse(get(api, "/api/v1/metrics/nodes/n").body)["data"];
  CHECK(node["healthy"] == false);
  CHECK(node["conditions"] ==
        Json({"MemoryPressure: 50000000 bytes are left", "DiskPressure: 90000000 bytes are left"}));
  CHECK(node["disk_usage_rate"] == 90);
  CHECK(node["custom_metrics"]["under_pressure"] == 1);
}

// A database that answers with matrices.
struct FakeDatabase {
  std::vector<std::string> asked;
  int status = 200;

  HttpGet get() {
    return [this](std::string_view target) -> Result<HttpReply> {
      asked.emplace_back(target);
      const std::string gauges =
          R"({"metric":{"__name__":"node_memory_MemTotal_bytes","instance":"n","job":"g","site":"x"},"values":[[1000,"8e9"],[1060,"8e9"]]},)"
          R"({"metric":{"__name__":"node_memory_MemAvailable_bytes","instance":"n","job":"g","site":"x"},"values":[[1000,"6e9"],[1060,"2e9"]]})";
      const std::string rates =
          R"({"metric":{"cpu":"0","mode":"idle","instance":"n","job":"g","site":"x"},"values":[[1060,"0.25"]]})";
      std::string rows;
      if (target.find("__name__") != std::string_view::npos) rows = gauges;
      if (target.find("rate%28node_cpu") != std::string_view::npos) rows = rates;
      return HttpReply{
          status,
          concat(R"({"status":"success","data":{"resultType":"matrix","result":[)", rows, "]}}"),
          {},
          {}};
    };
  }
};

TEST_CASE("api: the past comes from the database") {
  LatestView view;
  FakeDatabase database;
  ApiOptions options;
  options.history = {database.get(), {"g", {{"site", "x"}}}};
  const Api api(view, options, fixed_clock());

  const auto at = Json::parse(get(api, "/api/v1/metrics/nodes/n", "at=1060").body);
  CHECK(at["data"]["memory_usage_rate"] == 75);
  CHECK(at["data"]["cpu_usage"] == 750);
  CHECK(at["data"]["healthy"] == true);
  CHECK(at["timestamp"] == "1970-01-01T00:17:40.000Z");
  REQUIRE(database.asked.size() == 3);
  CHECK(database.asked[0].find("&start=1060.000&end=1060.000&step=60.000") != std::string::npos);
  CHECK(database.asked[0].find("query=%7binstance%3d%22n%22%2cjob%3d%22g%22%2csite%3d%22x%22%2c") !=
        std::string::npos);

  const auto range =
      Json::parse(get(api, "/api/v1/metrics/nodes/n", "at=1060&range=2m&step=60s").body);
  CHECK(range["count"] == 2);
  CHECK(range["data"][0]["timestamp"] == "1970-01-01T00:16:40.000Z");
  CHECK(range["data"][0]["data"]["memory_usage_rate"] == 25);
  CHECK(range["data"][1]["data"]["cpu_usage_rate"] == 75);
  CHECK(get(api, "/api/v1/metrics/nodes/n", "at=5000").status == 404);
  CHECK(get(api, "/api/v1/metrics/pods/a/b", "at=1060&range=2m&step=60s").body ==
        "Pod not found: a/b\n");
  database.status = 502;
  CHECK(get(api, "/api/v1/metrics/cluster", "at=1060").status == 503);
}

TEST_CASE("api: the present may come from the database, too") {
  LatestView view;
  show_fleet(view);
  FakeDatabase database;
  ApiOptions options;
  options.history = {database.get(), {"g", {{"site", "x"}}}};
  options.present_from_database = true;
  const Api api(view, options, [] { return TimePoint{1'060'000, 0}; });
  const auto nodes = Json::parse(get(api, "/api/v1/metrics/nodes").body);
  CHECK(nodes["count"] == 1);
  CHECK(nodes["data"]["n"]["memory_capacity"] == 8000000000);
}

TEST_CASE("api: what stands behind '?'") {
  CHECK(parse_api_query("")->range_ms == std::nullopt);
  CHECK(parse_api_query("at=12.5")->at_ms == 12'500);
  CHECK(parse_api_query("at=2026-01-02T03%3A04%3A05Z&x=1")->at_ms == 1'767'323'045'000);
  CHECK(parse_api_query("at=2026-01-02T05:04:05.250+02:00")->at_ms == 1'767'323'045'250);
  CHECK(parse_api_query("range=1h")->step_ms == 30'000);
  CHECK(parse_api_query("range=10m")->step_ms == 15'000);
  CHECK(parse_api_query("range=90&step=500ms").ok() == false);
  CHECK(parse_api_query("range=4m&step=1s").ok() == false);  // 240 steps are 241 moments
  CHECK(parse_api_query("range=239s&step=1s").ok());
  for (const std::string_view bad :
       {"at=", "at=-1", "at=yesterday", "at=1e300", "range=", "range=0", "range=-1h", "range=32d",
        "range=1y", "step=10s", "range=1h&step=0", "at=2026-02-30T00:00:00Z", "at=nan"}) {
    INFO(bad);
    CHECK_FALSE(parse_api_query(bad).ok());
  }
}

}  // namespace
}  // namespace godwit
