#include "cloud/database_traits.h"

#include <map>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

HttpGet pages(std::map<std::string, HttpReply> known) {
  return [known = std::move(known)](std::string_view target) -> Result<HttpReply> {
    const auto found = known.find(std::string(target));
    return found == known.end() ? HttpReply{404, "nothing here"} : found->second;
  };
}

constexpr std::int64_t day = 86'400'000;

TEST_CASE("Prometheus tells its window in its configuration") {
  const HttpReply build{200, R"({"status":"success","data":{"version":"2.42.0"}})"};
  const auto config = [](const std::string& yaml) {
    return HttpReply{200, R"({"status":"success","data":{"yaml":")" + yaml + R"("}})"};
  };
  const std::pair<std::string, std::int64_t> cases[] = {
      {"global:\\n  scrape_interval: 1h\\n", 0},
      {R"(storage:\n  tsdb:\n    outofordertimewindow: 5400000\n    out_of_order_time_window: 1h30m\n)",
       5'400'000},
      {R"(storage:\n  tsdb:\n    out_of_order_time_window: 0s\n)", 0},
      {R"(storage:\n  tsdb:\n    out_of_order_time_window: nonsense\n)", 0},
  };
  for (const auto& [yaml, window_ms] : cases) {
    const auto traits = learn_traits(
        pages({{"/api/v1/status/buildinfo", build}, {"/api/v1/status/config", config(yaml)}}));
    INFO(yaml);
    REQUIRE(traits);
    REQUIRE(traits->product == "Prometheus 2.42.0");
    REQUIRE(traits->out_of_order_window_ms == window_ms);
    REQUIRE(traits->out_of_order_ok == (window_ms > 0));
    REQUIRE(traits->retention_ms == 0);
  }
}

TEST_CASE("VictoriaMetrics tells how long it keeps, and takes everything within") {
  const std::pair<std::string, std::int64_t> cases[] = {
      {"-httpListenAddr=\":8428\"\n", 31 * day},
      {"-retentionPeriod=\"100y\"\n", 36'500 * day},
      {"-maxBackfillAge=\"2d\"\n-retentionPeriod=\"10d\"\n", 2 * day},
      {"-storageNode=\"a,b\"\n", 0},
  };
  for (const auto& [flags, retention_ms] : cases) {
    const auto traits = learn_traits(pages({{"/flags", {200, flags, "", "vm-1"}}}));
    INFO(flags);
    REQUIRE(traits);
    REQUIRE(traits->product == "VictoriaMetrics");
    REQUIRE(traits->out_of_order_ok);
    REQUIRE(traits->retention_ms == retention_ms);
    REQUIRE(traits->out_of_order_window_ms == retention_ms);
  }
  // A cluster's insert node behind its tenant's path.
  const auto insert = learn_traits(pages({{"/flags", {400, "unsupported path", "", "vm-1"}}}));
  REQUIRE((insert && insert->out_of_order_ok && insert->retention_ms == 0));
  const auto agent =
      learn_traits(pages({{"/flags", {200, "-remoteWrite.url=\"secret\"\n", "", "vm-1"}}}));
  REQUIRE((agent && !agent->out_of_order_ok));
}

TEST_CASE("who does not tell takes nothing out of order") {
  const auto mimir = learn_traits(
      pages({{"/api/v1/status/buildinfo",
              {200, R"({"data":{"application":"Grafana Mimir","version":"2.10.0"}})"}}}));
  REQUIRE((mimir && mimir->product == "Grafana Mimir 2.10.0" && !mimir->out_of_order_ok));
  REQUIRE_FALSE(learn_traits(pages({})));
  REQUIRE_FALSE(learn_traits(pages({{"/api/v1/status/buildinfo", {200, "<html>"}}})));
  REQUIRE_FALSE(learn_traits([](std::string_view) -> Result<HttpReply> {
    return Error{ErrorCode::unavailable, "refused"};
  }));
}

TEST_CASE("the query API's address follows from where is written") {
  REQUIRE(derive_query_url("http://p:9090/api/v1/write") == "http://p:9090");
  REQUIRE(derive_query_url("https://x/prometheus/api/v1/write") == "https://x/prometheus");
  REQUIRE(derive_query_url("http://mimir/api/v1/push") == "http://mimir/prometheus");
  REQUIRE(derive_query_url("http://thanos:19291/api/v1/receive").empty());
}

TEST_CASE("durations of both databases") {
  REQUIRE(parse_prometheus_duration("0") == 0);
  REQUIRE(parse_prometheus_duration("1d2h3m4s5ms") == 93'784'005);
  REQUIRE(parse_prometheus_duration("2w") == 14 * day);
  for (const char* wrong : {"", "5", "m", "-5m", "5m x", "1e9y", "5parsecs"}) {
    INFO(wrong);
    REQUIRE_FALSE(parse_prometheus_duration(wrong));
  }
  REQUIRE(parse_retention("1") == 31 * day);
  REQUIRE(parse_retention("0.5") == 31 * day / 2);
  REQUIRE(parse_retention("36h") == 36 * 3'600'000);
  REQUIRE(parse_retention("1M") == 31 * day);
  for (const char* wrong : {"", "d", "1d1h", "x"}) REQUIRE_FALSE(parse_retention(wrong));
}

}  // namespace
}  // namespace godwit
