// The collectors of series that are not ours: textfile and scrape.
#include <cmath>
#include <filesystem>
#include <map>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <utime.h>

#include "edge/collectors/foreign_series.h"
#include "edge/collectors/scrape.h"
#include "edge/collectors/textfile.h"
#include "test/fakes/http_receiver.h"
#include "test/fakes/raw_server.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::http_answer;
using test::HttpReceiver;
using test::RawServer;
using Readings = std::map<std::string, double>;

// As if ended series had the text "ended" for a value.
struct Read {
  Status status;
  Readings values;
  std::vector<std::string> ended;
};

Read read(Collector& collector) {
  Batch batch;
  Read result;
  result.status = collector.collect(batch);
  for (const auto& sample : batch.samples()) {
    const std::string series = format_series(sample.series);
    if (is_stale_marker(sample.value)) {
      result.ended.push_back(series);
    } else {
      CHECK(result.values.emplace(series, sample.value).second);
    }
  }
  return result;
}

// Without what the collector says of itself.
Readings foreign(Readings readings) {
  std::erase_if(readings, [](const auto& entry) {
    return entry.first.starts_with("godwit_") || entry.first.starts_with("node_textfile_");
  });
  return readings;
}

CollectorSettings target(const std::string& url) {
  CollectorSettings settings;
  settings.target.name = "app";
  settings.target.url = url;
  settings.max_series = 100;
  settings.deadline = std::chrono::seconds(5);
  return settings;
}

double dropped(const Read& read, const std::string& reason) {
  return read.values.at(
      concat("godwit_scrape_dropped_samples_total{reason=\"", reason, "\",target=\"app\"}"));
}

}  // namespace

TEST_CASE(
    "scrape: series get the target's labels, and the exporter's own of the same name give way") {
  std::string accept;
  const HttpReceiver server([&](const HttpReceiver::Request& request) {
    accept = request.headers.at("accept");
    return http_answer(200,
                       "# TYPE a counter\na{target=\"x\",exported_target=\"y\",team=\"z\"} 1\n"
                       "go_info 1\nb_info 2\nb_seconds NaN\n",
                       "Content-Type: text/plain; version=0.0.4\r\n");
  });
  CollectorSettings settings = target(server.url("/metrics"));
  settings.target.labels = {{"team", "vision lab"}};
  settings.target.drop = {"go_*"};
  const auto scrape = make_scrape(Host(), settings);
  const Read got = read(*scrape);
  REQUIRE(got.status.ok());
  const std::string ours = "target=\"app\",team=\"vision lab\"}";
  const Readings values = foreign(got.values);
  REQUIRE(values.size() == 3);
  CHECK(values.at("a{exported_exported_target=\"x\",exported_target=\"y\",exported_team=\"z\"," +
                  ours) == 1);
  CHECK(values.at("b_info{" + ours) == 2);
  CHECK(std::isnan(values.at("b_seconds{" + ours)));
  CHECK(got.values.at("godwit_scrape_samples{target=\"app\"}") == 3);
  CHECK(accept.find("application/openmetrics-text;version=1.0.0") == 0);

  settings.target.keep = {"b_*", "c"};
  settings.target.drop = {"*_seconds"};
  CHECK(foreign(read(*make_scrape(Host(), settings)).values) == Readings{{"b_info{" + ours, 2}});
}

TEST_CASE("scrape: OpenMetrics, as the answer says") {
  const std::string text = test::read_file(test::fixture("exposition/application.om"));
  const HttpReceiver server([&](const HttpReceiver::Request&) {
    return http_answer(200, text, "Content-Type: application/openmetrics-text; version=1.0.0\r\n");
  });
  const auto scrape = make_scrape(Host(), target(server.url("/metrics")));
  const Read got = read(*scrape);
  REQUIRE(got.status.ok());
  CHECK(foreign(got.values).size() == 13);
  CHECK(got.values.at("latency_seconds_bucket{le=\"+Inf\",target=\"app\"}") == 10);
  CHECK(got.values.at("requests_total{code=\"200\",exported_target=\"db\",target=\"app\"}") ==
        1027);
}

TEST_CASE("scrape: a series that is gone ends once, and may come back") {
  std::string text = "a 1\nb 1\n";
  const HttpReceiver server([&](const HttpReceiver::Request&) { return http_answer(200, text); });
  const auto scrape = make_scrape(Host(), target(server.url("/metrics")));
  CHECK(read(*scrape).ended.empty());
  text = "b 2\n";
  CHECK(read(*scrape).ended == std::vector<std::string>{"a{target=\"app\"}"});
  CHECK(read(*scrape).ended.empty());
  text = "# TYPE b counter\na 3\nb 3\n";
  const Read back = read(*scrape);
  CHECK(back.ended.empty());
  CHECK(back.values.at("a{target=\"app\"}") == 3);
}

TEST_CASE("scrape: a reading is whole or it ends all series of the target") {
  std::string answer = http_answer(200, "a 1\nb 1\n");
  const HttpReceiver server([&](const HttpReceiver::Request&) { return answer; });
  const auto scrape = make_scrape(Host(), target(server.url("/metrics")));
  const auto fails_with = [&](const std::string& said, const std::string& words) {
    answer = http_answer(200, "a 1\nb 1\n");
    REQUIRE(read(*scrape).status.ok());
    answer = said;
    const Read got = read(*scrape);
    REQUIRE_FALSE(got.status.ok());
    INFO(got.status.error().message);
    CHECK(got.status.error().message.find(words) != std::string::npos);
    CHECK(got.status.error().code != ErrorCode::no_data);
    CHECK(foreign(got.values).empty());
    CHECK(got.ended.size() == 2);
  };
  fails_with(http_answer(200, "a 1\nb{\n"), "line 2");
  fails_with(http_answer(200, "a 1\nb 1"), "line 2");
  fails_with(http_answer(404, "no\n"), "404");
  fails_with(http_answer(200, "<html>\n", "Content-Type: text/html\r\n"), "no metrics");
  fails_with("", "ended before");
}

TEST_CASE("scrape: a target that hangs, breaks off, or never stops costs its deadline at most") {
  CollectorSettings settings;
  SECTION("hangs") {
    RawServer* self = nullptr;
    RawServer server([&](int fd, const std::string&) { self->wait_for_end(fd); });
    self = &server;
    settings = target(server.url());
    settings.deadline = std::chrono::milliseconds(150);
    CHECK(read(*make_scrape(Host(), settings)).status.error().code == ErrorCode::timeout);
  }
  SECTION("closes") {
    const RawServer server([](int, const std::string&) {});
    CHECK(read(*make_scrape(Host(), target(server.url()))).status.error().code ==
          ErrorCode::unavailable);
  }
  SECTION("never stops") {
    const RawServer server([](int fd, const std::string&) {
      RawServer::say(fd, "HTTP/1.1 200 OK\r\n\r\n");
      std::string some;
      for (int i = 0; i < 1000; ++i) some += concat("endless{i=\"", i, "\"} 1\n");
      while (RawServer::say(fd, some)) {
      }
    });
    settings = target(server.url());
    settings.deadline = std::chrono::seconds(20);
    const Read got = read(*make_scrape(Host(), settings));
    CHECK(got.status.error().message.find("larger than") != std::string::npos);
    CHECK(foreign(got.values).empty());
    CHECK(dropped(got, "max_series") > 1000);
  }
}

TEST_CASE("scrape: new series at each reading stay within the bound and are counted") {
  int round = 0;
  const HttpReceiver server([&](const HttpReceiver::Request&) {
    std::string text = "steady 1\n";
    for (int i = 0; i < 40; ++i) text += concat("bomb{id=\"", round, "-", i, "\"} 1\n");
    ++round;
    return http_answer(200, text);
  });
  const auto scrape = make_scrape(Host(), target(server.url("/metrics")));
  std::map<std::string, int> seen;
  Read got;
  for (int i = 0; i < 10; ++i) {
    got = read(*scrape);
    REQUIRE(got.status.ok());
    for (const auto& [series, value] : foreign(got.values)) ++seen[series];
  }
  CHECK(seen.size() == 100);
  CHECK(seen["steady{target=\"app\"}"] == 10);
  CHECK(dropped(got, "max_series") == 401 - 100);
}

TEST_CASE("scrape: series beyond the limits of the wire, and series that come twice") {
  const HttpReceiver server([&](const HttpReceiver::Request&) {
    return http_answer(200, concat("a 1\na 2\nb{x=\"", std::string(5000, 'x'), "\"} 1\n",
                                   "c{x=\"\xff\xfe\"} 1\n"));
  });
  const auto scrape = make_scrape(Host(), target(server.url("/metrics")));
  const Read got = read(*scrape);
  REQUIRE(got.status.ok());
  CHECK(foreign(got.values) == Readings{{"a{target=\"app\"}", 1}});
  CHECK(dropped(got, "same_series") == 1);
  CHECK(dropped(got, "invalid") == 2);
}

TEST_CASE("foreign series: room comes back an hour after a series was last seen") {
  ForeignSeries series(2);
  const auto reading = [&](std::int64_t now_ms, const std::vector<std::string>& names) {
    series.begin(now_ms);
    for (const auto& name : names) series.gather({{name, {}, Kind::gauge}, 1, false});
    series.keep_part();
    Batch out;
    return series.finish(out);
  };
  CHECK(reading(0, {"a", "b", "c"}) == 2);
  CHECK(reading(1000, {"c"}) == 0);
  CHECK(reading(3'500'000, {"a", "c"}) == 1);
  CHECK(reading(3'700'000, {"a", "c"}) == 2);
  CHECK(reading(9'000'000, {"a", "c"}) == 2);  // a long interval forgets nothing that is there
  CHECK(series.dropped().max_series == 3);
}

TEST_CASE("textfile: each file on its own, as node_exporter reads them") {
  const test::TempDir root;
  const auto folder = root.path() / "var" / "textfiles";
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& name, const std::string& text) {
    test::write_file(folder / name, text);
    const utimbuf times{1'700'000'000, 1'700'000'000};
    utime((folder / name).c_str(), &times);
  };
  write("backup.prom", "# TYPE backup_bytes gauge\nbackup_bytes{disk=\"a\"} 12\nbackup_nan NaN\n");
  write("bad.prom", "good_so_far 1\nbackup_bytes{\n");
  write("times.prom", "t 1 1700000000000\n");
  write("ignored.txt", "x 1\n");
  mkfifo((folder / "pipe.prom").c_str(), 0600);
  CollectorSettings settings;
  settings.directories = {"/var/textfiles"};
  settings.max_series = 10;
  const auto textfile = make_textfile(Host(root.path().string()), settings);
  Read got = read(*textfile);
  CHECK(got.status.error().message.find("bad.prom: line 2") != std::string::npos);
  CHECK(foreign(got.values).size() == 2);
  CHECK(got.values.at("backup_bytes{disk=\"a\"}") == 12);
  CHECK(got.values.at("node_textfile_mtime_seconds{file=\"/var/textfiles/backup.prom\"}") ==
        1'700'000'000);
  CHECK_FALSE(got.values.contains("node_textfile_mtime_seconds{file=\"/var/textfiles/bad.prom\"}"));
  CHECK(got.values.at("node_textfile_scrape_error") == 1);
  const auto errors = [&](const std::string& name) {
    return got.values.at(
        concat("godwit_textfile_errors_total{file=\"/var/textfiles/", name, "\"}"));
  };
  CHECK(errors("bad.prom") == 1);
  CHECK(errors("times.prom") == 1);
  CHECK(errors("pipe.prom") == 1);
  got = read(*textfile);
  CHECK(errors("bad.prom") == 2);

  for (const char* const name : {"times.prom", "pipe.prom", "backup.prom"}) {
    std::filesystem::remove(folder / name);
  }
  write("bad.prom", "good_so_far 1\n");
  got = read(*textfile);
  CHECK(got.status.ok());
  CHECK(got.values.at("node_textfile_scrape_error") == 0);
  CHECK(errors("bad.prom") == 2);
  CHECK(foreign(got.values) == Readings{{"good_so_far", 1}});
  CHECK(got.ended == std::vector<std::string>{"backup_bytes{disk=\"a\"}", "backup_nan"});
}

TEST_CASE("textfile: a directory that is not there spoils no other") {
  const test::TempDir root;
  test::write_file(root.path() / "a.prom", "a 1\n");
  CollectorSettings settings;
  settings.directories = {"/nowhere", "/"};
  settings.max_series = 10;
  const auto textfile = make_textfile(Host(root.path().string()), settings);
  const Read got = read(*textfile);
  CHECK_FALSE(got.status.ok());
  CHECK(foreign(got.values) == Readings{{"a", 1}});
  CHECK(got.values.at("godwit_textfile_errors_total{file=\"/nowhere\"}") == 1);
}

}  // namespace godwit
