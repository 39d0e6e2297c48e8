#include "edge/local_http.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

HttpRequest get(std::string path) {
  HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  return request;
}

TEST_CASE("the node's pages") {
  LocalStatus status;
  CHECK(status.answer(get("/readyz"), 0).status == 503);
  status.put("load", {{{"node_load1", {}, Kind::gauge}, 1.5}});
  status.put("cpu", {{{"node_boot_time_seconds", {}, Kind::gauge}, 7}});
  status.turn(1000, "");
  const HttpResponse metrics = status.answer(get("/metrics"), 1000);
  CHECK(metrics.status == 200);
  CHECK(metrics.content_type.find("0.0.4") != std::string::npos);
  CHECK(metrics.body.find("node_load1 1.5\n") != std::string::npos);
  CHECK(metrics.body.find("node_boot_time_seconds 7\n") != std::string::npos);
  status.put("load", {});
  CHECK(status.answer(get("/metrics"), 1000).body.find("node_load1") == std::string::npos);

  CHECK(status.answer(get("/healthz"), 2000).status == 200);
  CHECK(status.answer(get("/healthz"), 100'000).status == 503);
  CHECK(status.answer(get("/readyz"), 2000).status == 200);
  status.turn(2000, "the disk is full");
  CHECK(status.answer(get("/readyz"), 2000).body == "the disk is full\n");
  status.set_debug("{\"a\":1}");
  CHECK(status.answer(get("/debug"), 2000).body == "{\"a\":1}");
  CHECK(status.answer(get("/"), 2000).status == 200);
  CHECK(status.answer(get("/nothing"), 2000).status == 404);
  HttpRequest post = get("/metrics");
  post.method = "POST";
  CHECK(status.answer(post, 2000).status == 405);
}

TEST_CASE("/metrics shows the names that were asked for") {
  LocalStatus status("edge-1", *parse_naming({"node"}));
  status.put("load", {{{"node_load1", {}, Kind::gauge}, 1.5}});
  status.put("jtop", {{{"hw_host_power_watts", {}, Kind::gauge}, 7}});
  const std::string body = status.answer(get("/metrics"), 0).body;
  CHECK(body.find("node_load1 1.5\n") != std::string::npos);
  CHECK(body.find("hw_host_power_watts") == std::string::npos);
}

}  // namespace
}  // namespace godwit
