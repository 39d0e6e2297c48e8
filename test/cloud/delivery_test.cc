#include "cloud/delivery.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "cloud/request_parts.h"
#include "cloud/write_request.h"
#include "test/fakes/fake_database.h"
#include "test/support/captured.h"

namespace godwit {
namespace {

using test::FakeDatabase;

constexpr std::int64_t start_ms = 1'795'000'000'000;

const std::vector<Series> series = [] {
  std::vector<Series> all;
  for (int i = 0; i < 20; ++i) all.push_back({"m" + std::to_string(i), {}, Kind::gauge});
  return all;
}();

// Ticks [first, last] of a node; the value of a sample is its tick.
std::string make_body(const std::string& node, int first, int last) {
  Frame frame;
  for (int tick = first; tick <= last; ++tick) {
    frame.seqs.push_back(static_cast<std::uint64_t>(tick));
    frame.times_ms.push_back(start_ms + tick * 1000);
  }
  for (std::size_t i = 0; i < series.size(); ++i) {
    auto& column = frame.columns.emplace_back();
    for (int tick = first; tick <= last; ++tick) column.push_back(tick);
  }
  std::string body;
  append_ticks(frame, 0, frame.ticks(), EncodedLabels(series, node, {"godwit", {}}), body);
  return body;
}

WriteUnit make_unit(std::uint64_t id, const std::string& node, int first, int last) {
  WriteUnit unit;
  unit.id = id;
  unit.bodies = {make_body(node, first, last)};
  return unit;
}

struct Harness {
  FakeDatabase database;
  DeliveryStats stats;
  std::vector<std::int64_t> pauses;
  bool ending = false;
  DeliveryOptions options = [] {
    DeliveryOptions chosen;
    chosen.user_agent = "godwit-relay/test";
    chosen.retry_for_ms = 1000;
    return chosen;
  }();

  std::vector<UnitOutcome> deliver(std::vector<WriteUnit> units) {
    Delivery delivery(
        database.post(), options,
        [this](std::int64_t ms) {
          pauses.push_back(ms);
          // Time does not pass in this test: a bounded number of tries does.
          return !ending && pauses.size() < 6;
        },
        stats);
    return delivery.deliver(std::move(units));
  }
};

TEST_CASE("a request carries the four headers of remote-write 1.0") {
  Harness h;
  REQUIRE(h.deliver({make_unit(1, "a", 0, 1)})[0].stored);
  REQUIRE(h.database.headers() ==
          std::vector<std::string>{
              "Content-Encoding: snappy", "Content-Type: application/x-protobuf",
              "User-Agent: godwit-relay/test", "X-Prometheus-Remote-Write-Version: 0.1.0"});
}

TEST_CASE("units of several nodes travel in one request") {
  Harness h;
  const auto outcomes = h.deliver({make_unit(7, "a", 0, 1), make_unit(8, "b", 0, 2)});
  REQUIRE(outcomes.size() == 2);
  REQUIRE((outcomes[0].id == 7 && outcomes[0].stored));
  REQUIRE((outcomes[1].id == 8 && outcomes[1].stored));
  REQUIRE(h.database.requests() == 1);
  REQUIRE(h.database.samples("b", "m3").size() == 3);
}

TEST_CASE("5xx, 429 and silence are tried again until they pass") {
  for (const int status : {500, 502, 503, 504, 429}) {
    Harness h;
    h.database.script = {{status, "", ""}, {status, "", ""}};
    REQUIRE(h.deliver({make_unit(1, "a", 0, 1)})[0].stored);
    REQUIRE(h.database.requests() == 3);
    REQUIRE(h.stats.retries == 2);
    REQUIRE(h.pauses.size() == 2);
    REQUIRE(h.pauses[1] >= 100);  // grows: the second lies in [100, 200]
  }
}

TEST_CASE("a database that is away hands everything back and is not asked unit by unit") {
  Harness h;
  h.database.unreachable = true;
  const auto outcomes =
      h.deliver({make_unit(1, "a", 0, 1), make_unit(2, "b", 0, 1), make_unit(3, "c", 0, 1)});
  for (const auto& outcome : outcomes) {
    REQUIRE_FALSE(outcome.stored);
    REQUIRE_FALSE(outcome.server_error);
    REQUIRE(outcome.retry_after_ms > 0);
  }
  REQUIRE(h.database.requests() <= 6);
}

TEST_CASE("Retry-After is honoured as seconds and as a date, up to a cap") {
  for (const std::string asked : {"2", "Fri, 31 Dec 2199 23:59:59 GMT"}) {
    Harness h;
    h.options.retry_for_ms = 1'000'000;
    h.database.script = {{503, "", asked}};
    REQUIRE(h.deliver({make_unit(1, "a", 0, 1)})[0].stored);
    REQUIRE(h.pauses == std::vector<std::int64_t>{asked == "2" ? 2000 : 60'000});
  }
}

TEST_CASE("a Retry-After longer than the relay waits goes to the node") {
  Harness h;
  h.database.script = {{503, "", "40"}};
  const auto outcomes = h.deliver({make_unit(1, "a", 0, 1)});
  REQUIRE_FALSE(outcomes[0].stored);
  REQUIRE(outcomes[0].retry_after_ms == 40'000);
  REQUIRE(h.database.requests() == 1);
}

TEST_CASE("a refused request is never sent again as it was") {
  for (const int status : {400, 409, 413, 422}) {
    Harness h;
    h.database.judge = [status](const auto&, std::int64_t) { return status; };
    auto unit = make_unit(1, "a", 0, 0);
    unit.bodies = {split_series(unit.bodies[0])[0]};
    const auto outcomes = h.deliver({unit});
    REQUIRE(h.database.requests() == 1);
    REQUIRE(outcomes[0].stored);
    const std::string reason = status == 413 ? "too_large" : "refused";
    REQUIRE(outcomes[0].dropped == std::map<std::string, std::uint64_t>{{reason, 1}});
    REQUIRE(h.pauses.empty());
  }
}

TEST_CASE("the 500 that Prometheus says to samples that are too old ends like a 400") {
  Harness h;
  h.database.too_old_before_ms = start_ms + 3000;
  const auto outcomes = h.deliver({make_unit(1, "a", 0, 9), make_unit(2, "b", 5, 9)});
  REQUIRE(outcomes[0].stored);
  REQUIRE(outcomes[0].dropped == std::map<std::string, std::uint64_t>{{"too_old", 60}});
  REQUIRE(outcomes[1].stored);
  REQUIRE(outcomes[1].dropped.empty());
  REQUIRE(h.database.stored() == 140 + 100);
  REQUIRE(h.pauses.empty());
}

TEST_CASE("faults of the settings lose no sample and are not repeated") {
  for (const int status : {301, 401, 403, 404, 415}) {
    Harness h;
    h.database.script = {{status, "", ""}};
    const auto outcomes = h.deliver({make_unit(1, "a", 0, 0)});
    REQUIRE_FALSE(outcomes[0].stored);
    REQUIRE(outcomes[0].retry_after_ms >= 30'000);
    REQUIRE(h.database.requests() == 1);
  }
}

TEST_CASE("an address where nothing takes remote-write is told in one clear line") {
  const std::string said = test::captured([] {
    Harness h;
    for (int i = 0; i < 3; ++i) {
      h.database.script = {{404, "404 page not found\n"}};
      REQUIRE_FALSE(h.deliver({make_unit(1, "a", 0, 0)})[0].stored);
    }
  });
  REQUIRE_THAT(said, Catch::Contains("check the path of remote_write.url"));
  REQUIRE(std::count(said.begin(), said.end(), '\n') == 1);
}

TEST_CASE("one poison sample costs itself and nothing else") {
  Harness h;
  h.database.judge = [](const test::DecodedSeries& one, std::int64_t time) {
    return one.label("instance") == "b" && one.label("__name__") == "m13" && time == start_ms + 4000
               ? 400
               : 0;
  };
  const auto outcomes =
      h.deliver({make_unit(1, "a", 0, 9), make_unit(2, "b", 0, 9), make_unit(3, "c", 0, 9)});
  REQUIRE(outcomes[0].stored);
  REQUIRE(outcomes[0].dropped.empty());
  REQUIRE(outcomes[1].dropped == std::map<std::string, std::uint64_t>{{"refused", 1}});
  REQUIRE(outcomes[2].dropped.empty());
  REQUIRE(h.database.stored() == 3 * 200 - 1);
  REQUIRE(h.database.samples("b", "m13").size() == 9);
}

TEST_CASE("a series that is refused as a whole costs only itself") {
  Harness h;
  h.database.judge = [](const test::DecodedSeries& one, std::int64_t) {
    return one.label("__name__") == "m0" ? 400 : 0;
  };
  const auto outcomes = h.deliver({make_unit(1, "a", 0, 9)});
  REQUIRE(outcomes[0].dropped == std::map<std::string, std::uint64_t>{{"refused", 10}});
  REQUIRE(h.database.stored() == 190);
}

TEST_CASE("a frame sent twice ends as stored") {
  Harness h;
  REQUIRE(h.deliver({make_unit(1, "a", 0, 9)})[0].stored);
  const auto outcomes = h.deliver({make_unit(2, "a", 0, 9)});
  REQUIRE(outcomes[0].stored);
  REQUIRE(outcomes[0].dropped.at("out_of_order") == 180);  // the last tick is an allowed repetition
  REQUIRE(h.database.stored() == 200);
  REQUIRE(h.database.requests() < 120);
}

TEST_CASE("what the database says it has is neither written again nor counted as lost") {
  Harness h;
  h.options.query = h.database.get();
  REQUIRE(h.deliver({make_unit(1, "a", 0, 6)})[0].stored);
  const std::size_t before = h.database.requests();
  const auto again = h.deliver({make_unit(2, "a", 0, 5)})[0];
  REQUIRE((again.stored && again.dropped.empty() && again.found_stored == 120));
  REQUIRE(h.database.requests() == before + 1);
  REQUIRE(h.database.queries().size() == 1);
  REQUIRE(h.database.queries()[0].find("%7binstance%3d%22a%22%7d%5b5001ms%5d"
                                       "&time=1795000005.000") != std::string::npos);

  const auto longer = h.deliver({make_unit(3, "a", 4, 9), make_unit(4, "b", 0, 1)});
  REQUIRE((longer[0].stored && longer[0].dropped.empty() && longer[0].found_stored == 60));
  REQUIRE((longer[1].stored && longer[1].found_stored == 0));
  REQUIRE(h.database.stored() == 240);
}

TEST_CASE("other values than the stored ones are lost, as what they are") {
  Harness h;
  h.options.query = h.database.get();
  REQUIRE(h.deliver({make_unit(1, "a", 0, 9)})[0].stored);
  auto unit = make_unit(2, "a", 0, 9);
  Frame frame;
  frame.seqs = {5, 6};
  frame.times_ms = {start_ms + 5000, start_ms + 6000};
  frame.columns = {{5, 0.25}};
  unit.bodies = {""};
  append_ticks(frame, 0, 2, EncodedLabels(series, "a", {"godwit", {}}), unit.bodies[0]);
  const auto outcome = h.deliver({unit})[0];
  REQUIRE(outcome.stored);
  REQUIRE(outcome.found_stored == 1);
  REQUIRE(outcome.dropped == std::map<std::string, std::uint64_t>{{"out_of_order", 1}});
}

TEST_CASE("a database that cannot be asked is not asked again for a while") {
  Harness h;
  h.options.query = h.database.get();
  h.database.answers_queries = false;
  REQUIRE(h.deliver({make_unit(1, "a", 0, 9), make_unit(2, "b", 0, 9)})[0].stored);
  const auto outcomes = h.deliver({make_unit(3, "a", 0, 9), make_unit(4, "b", 0, 9)});
  REQUIRE(outcomes[0].dropped.at("out_of_order") == 180);
  REQUIRE(h.database.queries().size() == 1);
}

TEST_CASE("a half-written frame loses none of its newer samples, whatever was written") {
  for (const int already : {0, 3, 5, 8}) {
    Harness h;
    REQUIRE(h.deliver({make_unit(1, "a", 0, already)})[0].stored);
    const auto outcomes = h.deliver({make_unit(2, "a", 0, 9), make_unit(3, "b", 0, 9)});
    REQUIRE(outcomes[0].stored);
    REQUIRE(outcomes[1].stored);
    REQUIRE(outcomes[1].dropped.empty());
    for (const auto& one : series) REQUIRE(h.database.samples("a", one.name).size() == 10);
    REQUIRE(h.database.stored() == 400);
  }
}

TEST_CASE("taking a frame apart is bounded, and what was not looked at is counted") {
  Harness h;
  h.options.max_isolation_requests = 10;
  h.database.judge = [](const auto&, std::int64_t) { return 400; };
  const auto outcomes = h.deliver({make_unit(1, "a", 0, 9)});
  REQUIRE(outcomes[0].stored);
  std::uint64_t dropped = 0;
  for (const auto& [reason, samples] : outcomes[0].dropped) dropped += samples;
  REQUIRE(dropped == 200);
  REQUIRE(outcomes[0].dropped.at("isolation_limit") > 0);
  REQUIRE(h.database.requests() <= 10);
}

// A database that breaks at some samples, for reasons of its own.
int broken(const test::DecodedSeries& one, std::int64_t time) {
  return one.label("instance") == "b" && time < start_ms + 3000 ? 500 : 0;
}

TEST_CASE("a unit that meets 500 does not hold back its neighbours") {
  Harness h;
  h.options.retry_for_ms = 0;
  h.database.judge = broken;
  const auto outcomes =
      h.deliver({make_unit(1, "a", 0, 9), make_unit(2, "b", 0, 9), make_unit(3, "c", 0, 9)});
  REQUIRE(outcomes[0].stored);
  REQUIRE_FALSE(outcomes[1].stored);
  REQUIRE(outcomes[1].server_error);
  REQUIRE(outcomes[2].stored);
}

TEST_CASE("a suspect unit is taken apart at 500 and keeps what the database takes") {
  Harness h;
  h.database.judge = broken;
  auto unit = make_unit(2, "b", 0, 9);
  unit.suspect = true;
  const auto outcomes = h.deliver({unit});
  REQUIRE(outcomes[0].stored);
  REQUIRE(outcomes[0].dropped == std::map<std::string, std::uint64_t>{{"server_error", 60}});
  REQUIRE(h.database.stored() == 140);
  REQUIRE(h.pauses.empty());
}

TEST_CASE("a suspect unit that is refused whole is dropped only when others get through") {
  for (const bool healthy : {false, true}) {
    Harness h;
    h.database.judge = broken;
    auto unit = make_unit(2, "b", 0, 2);
    unit.suspect = true;
    unit.database_healthy = healthy;
    const auto outcomes = h.deliver({unit});
    REQUIRE(outcomes[0].stored == healthy);
    REQUIRE(outcomes[0].dropped.size() == (healthy ? 1 : 0));
  }
}

TEST_CASE("a sick database is not flooded with one request per unit") {
  Harness h;
  h.options.retry_for_ms = 0;
  h.database.judge = [](const auto&, std::int64_t) { return 500; };
  std::vector<WriteUnit> units;
  for (std::uint64_t i = 0; i < 50; ++i)
    units.push_back(make_unit(i, "n" + std::to_string(i), 0, 1));
  for (const auto& outcome : h.deliver(std::move(units))) REQUIRE_FALSE(outcome.stored);
  REQUIRE(h.database.requests() == 3);
}

TEST_CASE("a unit of several bodies is written in order and again as a whole") {
  Harness h;
  WriteUnit unit;
  unit.id = 1;
  unit.bodies = {make_body("a", 0, 4), make_body("a", 5, 9)};
  h.database.script = {{200, "", ""}, {503, "", "50"}};  // the second body is put off
  REQUIRE_FALSE(h.deliver({unit})[0].stored);
  REQUIRE(h.database.stored() == 100);
  REQUIRE(h.deliver({unit})[0].stored);
  REQUIRE(h.database.stored() == 200);
}

TEST_CASE("the end of the program cuts waiting short") {
  Harness h;
  h.ending = true;
  h.database.unreachable = true;
  REQUIRE_FALSE(h.deliver({make_unit(1, "a", 0, 1)})[0].stored);
  REQUIRE(h.database.requests() == 1);
}

}  // namespace
}  // namespace godwit
