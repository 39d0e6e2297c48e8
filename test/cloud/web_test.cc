// The fleet page's interface on frames made by hand: Summaries, details, events, paths.
#include "cloud/web.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cloud/web_page.h"
#include "cloud/web_query.h"
#include "cloud/web_series.h"
#include "test/support/support.h"
#include "transport/http_stream.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Json = nlohmann::json;
using test::eventually;

constexpr std::int64_t now_ms = 1'795'000'010'000;

struct Row {
  std::string name;
  Labels labels;
  double value;
  double rate = 0;  // of counters
};

// Two ticks, ten seconds apart.
struct Made {
  Schema schema;
  Frame frame;
};
Made make(const std::vector<Row>& rows) {
  Made made;
  made.schema.id = 7;
  made.frame.stream = 1;
  made.frame.seqs = {1, 2};
  made.frame.times_ms = {now_ms - 10'000, now_ms};
  for (const auto& row : rows) {
    made.schema.id = made.schema.id * 31 + std::hash<std::string>()(row.name);
    made.schema.series.push_back(
        {row.name, row.labels, row.rate != 0 ? Kind::counter : Kind::gauge});
    made.frame.columns.push_back({row.value, row.value + row.rate * 10});
  }
  return made;
}

class World {
 public:
  World() : api(view, {}, clock()), web({"relay-1"}, view, api, clock()) {}
  static Clock clock() {
    return [] { return TimePoint{now_ms, 0}; };
  }
  void live(std::string_view node, const Made& made) {
    view.on_live(node, made.schema, made.frame, now_ms);
    web.on_live(node, made.schema, made.frame);
  }
  void presence(std::string_view node, bool online, bool retained = false) {
    NodePresence presence;
    presence.online = online;
    presence.version = "1.2.3";
    presence.collectors = {{"npu_smi", true, "npu-smi is not there"}};
    presence.since_ms = now_ms - 60'000;
    web.on_presence(node, &presence, retained);
  }
  HttpResponse get(const std::string& path, const std::string& query = "") {
    return web.serve({"GET", path, query, ""});
  }
  Json json(const std::string& path, const std::string& query = "") {
    const auto response = get(path, query);
    REQUIRE(response.status == 200);
    return Json::parse(response.body);
  }
  // Of the fleet, when it is as `is_right` wants it.
  Json node(const std::string& name, const std::function<bool(const Json&)>& is_right) {
    Json found;
    CHECK(eventually([&] {
      const Json fleet = json("/web/v1/fleet");
      for (const auto& one : fleet["nodes"]) {
        if (one["name"] == name) found = one;
      }
      return !found.is_null() && is_right(found);
    }));
    return found;
  }

  LatestView view;
  Api api;
  Web web;
};

std::vector<Row> jetson() {
  return {
      {"godwit_board_info", {{"l4t", "36.4.0"}, {"module", "Jetson Orin NX 16GB"}}, 1},
      {"hw_gpu_info", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, 1},
      {"hw_gpu_utilization_ratio", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, 0.25},
      {"hw_gpu_memory_usage_bytes", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, 4e9},
      {"hw_gpu_memory_limit_bytes", {{"hw_id", "gpu"}, {"hw_type", "gpu"}}, 16e9},
      {"hw_temperature_celsius", {{"hw_id", "cpu"}, {"hw_type", "temperature"}}, 48.53},
      {"hw_temperature_celsius", {{"hw_id", "tj"}, {"hw_type", "temperature"}}, 51},
      {"hw_host_power_watts", {}, 5.51},
      {"hw_power_watts", {{"hw_id", "VDD_SOC"}, {"hw_type", "power_rail"}}, 1.4},
      {"node_cpu_seconds_total", {{"cpu", "0"}, {"mode", "idle"}}, 100, 0.75},
      {"node_cpu_seconds_total", {{"cpu", "1"}, {"mode", "idle"}}, 100, 0.25},
      {"node_memory_MemTotal_bytes", {}, 16e9},
      {"node_memory_MemAvailable_bytes", {}, 12e9},
      {"godwit_clock_state", {{"state", "synchronised"}}, 1},
      {"godwit_link_day_bytes", {{"direction", "received"}}, 1000},
      {"godwit_link_day_bytes", {{"direction", "sent"}}, 2000},
      {"godwit_buffer_ticks", {}, 3},
      {"godwit_collector_success", {{"collector", "jtop"}}, 1},
      {"godwit_collector_duration_seconds", {{"collector", "jtop"}}, 0.0123},
      {"godwit_accelerator_process_memory_bytes",
       {{"hw_id", "gpu"}, {"hw_type", "gpu"}, {"pid", "101"}, {"process", "python3"}},
       422e6},
  };
}

TEST_CASE("web: a Jetson in one line") {
  World world;
  world.presence("nx", true);
  world.live("nx", make(jetson()));
  const Json node = world.node("nx", [](const Json& n) { return !n["ram"].is_null(); });
  CHECK(node["kind"] == "jetson");
  CHECK(node["model"] == "Jetson Orin NX 16GB");
  CHECK(node["online"] == true);
  CHECK(node["since_ms"] == now_ms - 60'000);
  CHECK(node["heard_ms"] == now_ms);
  CHECK(node["version"] == "1.2.3");
  CHECK(node["health"] == "ok");
  CHECK(node["accelerators"] == 1);
  CHECK(node["utilization"] == 0.25);
  CHECK(node["memory"] == 0.25);
  CHECK(node["temperature"] == 51.0);
  CHECK(node["power"] == 5.5);
  CHECK(node["cpu"] == 0.5);
  CHECK(node["ram"] == 0.25);
  CHECK(node["clock"] == "synchronized");
  CHECK(node["link"]["bytes_today"] == 3000);
  CHECK(node["link"]["cap_bytes"].is_null());
  CHECK(node["backlog"]["ticks"] == 3);
}

TEST_CASE("web: an Ascend node, its problem and its end") {
  World world;
  world.presence("npu", true, true);
  std::vector<Row> rows = {
      {"hw_npu_info", {{"hw_id", "0"}, {"hw_name", "310P3"}, {"hw_type", "npu"}}, 1},
      {"hw_npu_info", {{"hw_id", "1"}, {"hw_name", "310P3"}, {"hw_type", "npu"}}, 1},
      {"hw_npu_utilization_ratio",
       {{"hw_id", "0"}, {"hw_npu_task", "aicore"}, {"hw_type", "npu"}},
       1},
      {"hw_npu_utilization_ratio", {{"hw_id", "0"}, {"hw_npu_task", "npu"}, {"hw_type", "npu"}}, 0},
      {"hw_status", {{"hw_id", "0"}, {"hw_state", "ok"}, {"hw_type", "npu"}}, 1},
  };
  world.live("npu", make(rows));
  const Json well = world.node("npu", [](const Json& n) { return n["accelerators"] == 2; });
  CHECK(well["kind"] == "ascend");
  CHECK(well["model"] == "Ascend 310P3");
  CHECK(well["utilization"] == 1.0);
  CHECK(well["memory"].is_null());

  rows.push_back({"godwit_problem", {{"reason", "NPUOverheating"}, {"type", "NPUUnhealthy"}}, 1});
  rows.push_back(
      {"godwit_problem_info",
       {{"message", "NPU 0: hot"}, {"reason", "NPUOverheating"}, {"type", "NPUUnhealthy"}},
       1});
  rows.push_back({"godwit_problem_transition_timestamp_seconds", {{"type", "NPUUnhealthy"}}, 1000});
  world.live("npu", make(rows));
  const Json ill = world.node("npu", [](const Json& n) { return n["health"] != "ok"; });
  CHECK(ill["health"] == "warning");
  CHECK(ill["problems"][0]["message"] == "NPU 0: hot");
  CHECK(ill["problems"][0]["since_ms"] == 1'000'000);
  const Json events = world.json("/web/v1/events", "limit=10")["events"];
  REQUIRE(events.size() == 1);  // that it is there was so before us
  CHECK(events[0]["kind"] == "health");
  CHECK(events[0]["severity"] == "warning");
  CHECK(events[0]["text"] == "NPUOverheating: NPU 0: hot");

  world.presence("npu", false);
  world.node("npu", [](const Json& n) { return n["online"] == false; });
  CHECK(world.json("/web/v1/events", "limit=1")["events"][0]["kind"] == "offline");
  world.web.on_presence("npu", nullptr, false);
  CHECK(eventually([&] { return world.json("/web/v1/fleet")["nodes"].empty(); }));
}

TEST_CASE("web: details of a node") {
  World world;
  world.presence("nx", true);
  world.live("nx", make(jetson()));
  world.node("nx", [](const Json& n) { return !n["ram"].is_null(); });
  const Json detail = world.json("/web/v1/nodes/nx");
  REQUIRE(detail["devices"].size() == 1);
  CHECK(detail["devices"][0]["id"] == "gpu/gpu");
  CHECK(detail["devices"][0]["readings"][0]["label"] == "Utilisation");
  CHECK(detail["groups"][0]["title"] == "Power rails");
  CHECK(detail["groups"][0]["readings"][1]["id"] ==
        "hw_power_watts{hw_id=\"VDD_SOC\",hw_type=\"power_rail\"}");
  const Json cpu = detail["groups"][2]["readings"][0];
  CHECK(cpu["label"] == "CPU 0");
  CHECK(cpu["value"] == 0.25);
  CHECK(cpu["unit"] == "ratio");
  CHECK(detail["processes"][0]["pid"] == 101);
  CHECK(detail["collectors"][0]["state"] == "ok");
  CHECK(detail["collectors"][1]["name"] == "npu_smi");
  CHECK(detail["collectors"][1]["state"] == "absent");
  CHECK(detail["collectors"][1]["message"] == "npu-smi is not there");
  CHECK(detail["versions"]["l4t"] == "36.4.0");
  CHECK(detail["link"]["day_bytes_sent"] == 2000);
  CHECK(world.get("/web/v1/nodes/other").status == 404);
  CHECK(world.get("/web/v1/nodes/").status == 404);
  CHECK(world.get("/web/v1/nodes/a/b").status == 404);
}

TEST_CASE("web: losses are told by reason, once") {
  World world;
  Made made = make({{"node_load1", {}, 1}});
  made.frame.lost = {{"full", 5}};
  world.live("n", made);  // as it was when this relay came
  made.frame.lost = {{"full", 8}, {"thinned", 100}};
  world.live("n", made);
  world.live("n", made);
  const Json events = world.json("/web/v1/events")["events"];
  REQUIRE(events.size() == 2);
  CHECK(events[1]["text"] == "3 ticks lost: the buffer was full");
  CHECK(events[1]["severity"] == "critical");
  CHECK(events[0]["severity"] == "warning");
}

TEST_CASE("web: a stream greets and tells what changes") {
  World world;
  const auto response = world.get("/web/v1/stream");
  REQUIRE(response.stream != nullptr);
  CHECK(response.content_type == "text/event-stream");
  std::string text;
  const auto read = [&](std::string_view what) {
    return eventually([&] {
      while (const auto piece = response.stream->take()) text += *piece;
      return text.find(what) != std::string::npos;
    });
  };
  CHECK(read("event: hello\ndata: {\"relay\":{\"name\":\"relay-1\""));
  world.presence("nx", true);
  CHECK(read("event: log\n"));
  CHECK(read("event: fleet\n"));
  CHECK(read("\"name\":\"nx\""));
  CHECK(world.get("/web/v1/stream", "node=a/b").status == 400);
  std::vector<HttpResponse> many;
  for (std::size_t i = 1; i < max_web_streams; ++i) many.push_back(world.get("/web/v1/stream"));
  CHECK(many.back().status == 200);
  CHECK(world.get("/web/v1/stream").status == 503);
  response.stream->close();
  CHECK(world.get("/web/v1/stream").status == 200);
}

TEST_CASE("web: an id is a series and nothing else") {
  const auto id = parse_web_id("hw_power_watts{hw_id=\"a\\\"b\"}");
  REQUIRE(id);
  CHECK(id->labels[0].value == "a\"b");
  for (const char* text :
       {"", "up or vector(1)", "rate(up[5m])", "up{a=\"b\"} 1", "up{b=\"1\",a=\"2\"}", "up{}",
        " up", "up{a=\"b\"}\nx", "up{a=~\"b\"}", "up{a=\"b\",}", "# HELP up x", "{a=\"b\"}"}) {
    CAPTURE(text);
    CHECK(!parse_web_id(text));
  }
}

TEST_CASE("web: what stands behind '?'") {
  const auto query = parse_web_query(
      "from_ms=1&to_ms=2&step_s=0.5&limit=9&id=up%7Ba%3D%22b%22%7D&id=x&node=n&y=z");
  REQUIRE(query.ok());
  CHECK(query->from_ms == 1);
  CHECK(query->step_ms == 1000);
  CHECK(query->ids.size() == 2);
  CHECK(query->node == "n");
  for (const char* text : {"from_ms=x", "to_ms=-1", "step_s=0", "step_s=nan", "limit=2001",
                           "node=a%2Fb", "id=1x", "from_ms=999999999999999999"}) {
    CAPTURE(text);
    CHECK(!parse_web_query(text).ok());
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += "id=up&";
  CHECK(!parse_web_query(many).ok());
}

TEST_CASE("web: files of the page") {
  const std::vector<WebAsset> assets = {
      {"/index.html", "text/html; charset=utf-8", "aa", "<html>", "GZ"},
      {"/assets/main-1.js", "text/javascript", "bb", "script", "gz"}};
  const auto get = [&](const std::string& path, const std::string& encoding = "gzip, br",
                       const std::string& known = "") {
    HttpRequest request{"GET", path, "", ""};
    request.accept_encoding = encoding;
    request.if_none_match = known;
    return serve_page(request, assets);
  };
  const auto header = [](const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  for (const char* path : {"/", "/events", "/nodes/nx-1"}) {
    CHECK(get(path).body == "GZ");
    CHECK(header(get(path), "Cache-Control") == "no-cache");
  }
  const auto script = get("/assets/main-1.js");
  CHECK(header(script, "Content-Encoding") == "gzip");
  CHECK(header(script, "Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(get("/assets/main-1.js", "gzip;q=0").body == "script");
  CHECK(get("/assets/main-1.js", "").body == "script");
  CHECK(get("/assets/main-1.js", "gzip", "W/" + header(script, "ETag")).status == 304);
  CHECK(get("/assets/main-1.js", "", header(script, "ETag")).status == 200);
  CHECK(get("/assets/../etc/passwd").status == 404);
  CHECK(get("/other").status == 404);
  HttpRequest request{"GET", "/", "", ""};
  CHECK(serve_page(request, {}).body.find("built without the fleet page") != std::string::npos);
}

}  // namespace
}  // namespace godwit
