// Delivery against real databases: what they store is what was sent.
#include <cmath>
#include <limits>
#include <map>

#include <catch2/catch.hpp>

#include "cloud/database_traits.h"
#include "cloud/delivery.h"
#include "cloud/write_request.h"
#include "test/support/prometheus.h"
#include "transport/clock.h"

namespace godwit {
namespace {

using test::Database;
using test::eventually;

const std::vector<Series> series = {{"a_ratio", {{"core", "0"}}, Kind::gauge},
                                    {"b_total", {{"job", "own"}}, Kind::counter}};

// Ticks at start + 100 ms * tick + 7 ms; value of series i at tick t is i + t / 8.
Frame make_frame(int first, int last, std::int64_t start_ms) {
  Frame frame;
  frame.columns.resize(series.size());
  for (int tick = first; tick <= last; ++tick) {
    frame.seqs.push_back(static_cast<std::uint64_t>(tick));
    frame.times_ms.push_back(start_ms + 100 * tick + 7);
    for (std::size_t i = 0; i < series.size(); ++i) {
      frame.columns[i].push_back(static_cast<double>(i) + tick / 8.0);
    }
  }
  return frame;
}

WriteUnit make_unit(const Frame& frame, const std::string& node) {
  WriteUnit unit;
  unit.bodies.emplace_back();
  append_ticks(frame, 0, frame.ticks(), EncodedLabels(series, node, {"godwit", {{"cluster", "a"}}}),
               unit.bodies[0]);
  return unit;
}

HttpGet query(const Database& database) {
  HttpClientOptions http;
  http.url = derive_query_url(database.write_url());
  http.max_reply_bytes = 8U << 20;
  return make_http_get(http);
}

class Writer {
 public:
  // `asks`: it may ask the database what it has.
  explicit Writer(const Database& database, bool asks = false)
      : delivery_(
            post(database), options(database, asks), [](std::int64_t) { return true; }, stats_) {}
  UnitOutcome write(const Frame& frame, const std::string& node) {
    return delivery_.deliver({make_unit(frame, node)})[0];
  }
  Delivery& delivery() { return delivery_; }

 private:
  static HttpPost post(const Database& database) {
    HttpClientOptions http;
    http.url = database.write_url();
    return make_http_post(http);
  }
  static DeliveryOptions options(const Database& database, bool asks) {
    DeliveryOptions chosen;
    if (asks) chosen.query = query(database);
    chosen.user_agent = "godwit-relay/test";
    chosen.retry_for_ms = 0;
    return chosen;
  }
  DeliveryStats stats_;
  Delivery delivery_;
};

void require_stored(const Database& database, const Frame& frame, const std::string& node,
                    std::int64_t end_ms) {
  const std::string selector = "{instance=\"" + node + "\"}";
  const std::size_t expected = frame.ticks() * series.size();
  eventually([&] { return database.count(selector, end_ms) >= expected; });
  const auto all = database.samples(selector, end_ms);
  REQUIRE(all.size() == series.size());
  for (const auto& one : all) {
    const bool first = one.labels.at("__name__") == "a_ratio";
    REQUIRE(one.labels.at("job") == "godwit");
    REQUIRE(one.labels.at("cluster") == "a");
    REQUIRE(one.labels.count(first ? "core" : "exported_job") == 1);
    REQUIRE(one.samples.size() == frame.ticks());
    for (std::size_t t = 0; t < frame.ticks(); ++t) {
      REQUIRE(one.samples[t].first == frame.times_ms[t]);
      REQUIRE(one.samples[t].second == frame.columns[first ? 0 : 1][t]);
    }
  }
}

std::int64_t now_ms() { return system_clock()().wall_ms; }

TEST_CASE("values and milliseconds come back from Prometheus and VictoriaMetrics as sent") {
  for (const auto kind : {Database::Kind::prometheus, Database::Kind::victoria_metrics}) {
    const Database database(kind);
    Writer writer(database);
    const std::int64_t start_ms = now_ms() - 60'000;
    const Frame frame = make_frame(0, 99, start_ms);
    auto outcomes = writer.delivery().deliver({make_unit(frame, "n1"), make_unit(frame, "n2")});
    REQUIRE(outcomes[0].stored);
    REQUIRE(outcomes[1].stored);
    require_stored(database, frame, "n1", now_ms());
    require_stored(database, frame, "n2", now_ms());
  }
}

TEST_CASE("special values survive Prometheus") {
  const Database database(Database::Kind::prometheus);
  Writer writer(database);
  Frame frame = make_frame(0, 4, now_ms() - 60'000);
  const double inf = std::numeric_limits<double>::infinity();
  frame.columns[0] = {inf, -inf, std::nan(""), 5e-324, absent};
  frame.columns.resize(1);
  REQUIRE(writer.write(frame, "n1").stored);
  const auto all = database.samples("a_ratio", now_ms());
  REQUIRE(all.size() == 1);
  REQUIRE(all[0].samples.size() == 4);
  REQUIRE(all[0].samples[0].second == inf);
  REQUIRE(all[0].samples[1].second == -inf);
  REQUIRE(std::isnan(all[0].samples[2].second));
  REQUIRE(all[0].samples[3].second == 5e-324);
}

TEST_CASE("a frame sent twice, and its continuation, end as stored in real databases") {
  for (const auto kind : {Database::Kind::prometheus, Database::Kind::victoria_metrics}) {
    const Database database(kind);
    Writer writer(database);
    const std::int64_t start_ms = now_ms() - 60'000;
    REQUIRE(writer.write(make_frame(0, 9, start_ms), "n1").stored);
    REQUIRE(writer.write(make_frame(0, 9, start_ms), "n1").stored);
    REQUIRE(writer.write(make_frame(5, 14, start_ms), "n1").stored);
    if (kind == Database::Kind::prometheus) {
      require_stored(database, make_frame(0, 14, start_ms), "n1", now_ms());
    } else {
      // It keeps copies unless told to deduplicate; every sample must be there.
      eventually([&] { return database.count("a_ratio", now_ms()) >= 15; });
      std::map<std::int64_t, double> distinct;
      for (const auto& one : database.samples("a_ratio", now_ms())) {
        distinct.insert(one.samples.begin(), one.samples.end());
      }
      REQUIRE(distinct.size() == 15);
    }
  }
}

TEST_CASE("what Prometheus has of a frame is found, with window and without, and nothing is lost") {
  for (const char* window : {"", "10m"}) {
    const Database database(Database::Kind::prometheus, window);
    Writer writer(database, true);
    const std::int64_t start_ms = now_ms() - 60'000;
    Frame odd = make_frame(0, 9, start_ms);
    odd.columns[0][3] = std::numeric_limits<double>::infinity();
    odd.columns[0][4] = 0.1 + 0.2;
    odd.columns[0][5] = 5e-324;
    REQUIRE(writer.write(odd, "n \"1\\").stored);
    const auto again = writer.write(odd, "n \"1\\");
    REQUIRE((again.stored && again.dropped.empty()));
    REQUIRE(again.found_stored == (*window == '\0' ? 20 : 0));
    REQUIRE(writer.write(make_frame(10, 14, start_ms), "n \"1\\").stored);
    REQUIRE(writer.write(make_frame(0, 14, start_ms), "n2").stored);
    require_stored(database, make_frame(0, 14, start_ms), "n2", now_ms());
  }
}

TEST_CASE("a database behind TLS takes samples from whoever has a certificate, and says why not") {
  const test::Certificates certificates;
  const Database database(Database::Kind::prometheus, "", &certificates);
  HttpClientOptions options;
  options.url = database.write_url();
  options.ca_file = certificates.ca();
  options.cert_file = certificates.client_cert();
  options.key_file = certificates.client_key();
  const std::int64_t start_ms = now_ms() - 60'000;
  const Frame frame = make_frame(0, 9, start_ms);
  const auto write = [&](const HttpClientOptions& client) {
    const WriteUnit unit = make_unit(frame, "n1");
    const std::string_view bodies[] = {unit.bodies[0]};
    const std::string block = compress_bodies(bodies);
    return make_http_post(client)(
        {{"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
          "X-Prometheus-Remote-Write-Version: 0.1.0"},
         block});
  };
  auto stranger = options;
  stranger.cert_file.clear();
  stranger.key_file.clear();
  REQUIRE_FALSE(write(stranger));  // what the other side says to it depends on timing
  auto unknown_ca = options;
  unknown_ca.ca_file.clear();
  const auto distrusted = write(unknown_ca);
  REQUIRE_FALSE(distrusted);
  REQUIRE_THAT(distrusted.error().message, Catch::Contains("certificate"));
  auto missing = options;
  missing.ca_file = "/nowhere/ca.pem";
  REQUIRE_FALSE(write(missing));

  const auto stored = write(options);
  REQUIRE(stored);
  REQUIRE(stored->status == 204);
  eventually([&] { return database.count("a_ratio", now_ms()) == 10; });
  REQUIRE(database.count("a_ratio", now_ms()) == 10);
  auto asking = options;
  asking.url = derive_query_url(database.write_url());
  const auto traits = learn_traits(make_http_get(asking));
  REQUIRE((traits && !traits->out_of_order_ok));
}

TEST_CASE("the real databases tell what they take") {
  const auto prometheus = learn_traits(query(Database(Database::Kind::prometheus)));
  REQUIRE(prometheus);
  REQUIRE_THAT(prometheus->product, Catch::StartsWith("Prometheus 2."));
  REQUIRE_FALSE(prometheus->out_of_order_ok);
  const auto windowed = learn_traits(query(Database(Database::Kind::prometheus, "90m")));
  REQUIRE((windowed && windowed->out_of_order_ok));
  REQUIRE(windowed->out_of_order_window_ms == 5'400'000);
  const auto victoria = learn_traits(query(Database(Database::Kind::victoria_metrics)));
  REQUIRE(victoria);
  REQUIRE((victoria->product == "VictoriaMetrics" && victoria->out_of_order_ok));
  REQUIRE(victoria->retention_ms == std::int64_t{36'500} * 86'400'000);
}

TEST_CASE("old samples of one node do not sink the request of all in Prometheus") {
  const Database database(Database::Kind::prometheus);
  Writer writer(database);
  const std::int64_t start_ms = now_ms() - 60'000;
  REQUIRE(writer.write(make_frame(10, 19, start_ms), "n1").stored);
  const auto outcomes = writer.delivery().deliver(
      {make_unit(make_frame(0, 29, start_ms), "n1"), make_unit(make_frame(0, 29, start_ms), "n2")});
  REQUIRE(outcomes[0].stored);
  REQUIRE(outcomes[0].dropped.at("out_of_order") > 0);
  REQUIRE(outcomes[1].dropped.empty());
  require_stored(database, make_frame(10, 29, start_ms), "n1", now_ms());
  require_stored(database, make_frame(0, 29, start_ms), "n2", now_ms());
}

// Prometheus 2.42 answers 500 for samples behind its out-of-order window.
TEST_CASE("samples behind the out-of-order window end as too old, whatever the status") {
  const Database database(Database::Kind::prometheus, "10s");
  Writer writer(database);
  const std::int64_t start_ms = now_ms() - 60'000;
  REQUIRE(writer.write(make_frame(400, 409, start_ms), "n1").stored);
  // 0 s to 0.9 s are too old, 39 s to 39.9 s are out of order but within the window.
  Frame mixed = make_frame(0, 9, start_ms);
  const Frame late = make_frame(390, 399, start_ms);
  mixed.seqs.insert(mixed.seqs.end(), late.seqs.begin(), late.seqs.end());
  mixed.times_ms.insert(mixed.times_ms.end(), late.times_ms.begin(), late.times_ms.end());
  for (std::size_t i = 0; i < series.size(); ++i) {
    mixed.columns[i].insert(mixed.columns[i].end(), late.columns[i].begin(), late.columns[i].end());
  }
  const auto outcome = writer.write(mixed, "n1");
  REQUIRE(outcome.stored);
  REQUIRE(outcome.dropped == std::map<std::string, std::uint64_t>{{"too_old", 20}});
  require_stored(database, make_frame(390, 409, start_ms), "n1", now_ms());
}

}  // namespace
}  // namespace godwit
