#include "cloud/remote_write.h"

#include <catch2/catch.hpp>

#include "cloud/write_request.h"
#include "test/fakes/fake_database.h"
#include "test/support/support.h"

namespace godwit {
namespace {

using test::eventually;
using test::FakeDatabase;

WriteUnit make_unit(std::uint64_t id, const std::string& node, std::int64_t time_ms) {
  Frame frame;
  frame.seqs = {id};
  frame.times_ms = {time_ms};
  frame.columns = {{static_cast<double>(id)}};
  WriteUnit unit;
  unit.id = id;
  unit.bodies.emplace_back();
  append_ticks(frame, 0, 1, EncodedLabels({{"m", {}, Kind::gauge}}, node, {}), unit.bodies[0]);
  return unit;
}

struct Collector {
  std::mutex mutex;
  std::vector<UnitOutcome> outcomes;
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return outcomes.size();
  }
  RemoteWrite::Done done() {
    return [this](std::vector<UnitOutcome>&& more) {
      const std::lock_guard lock(mutex);
      for (auto& outcome : more) outcomes.push_back(std::move(outcome));
    };
  }
};

TEST_CASE("a sender takes one job at a time and says when it is free") {
  FakeDatabase database;
  std::atomic<bool> open = false;
  database.before_answer = [&] { eventually([&] { return open.load(); }); };
  Collector collector;
  std::atomic<bool> cancel = false;
  RemoteWrite writer({database.post()}, {}, collector.done(), cancel);
  REQUIRE(writer.submit({make_unit(1, "a", 1000)}));
  auto refused = std::vector{make_unit(2, "a", 2000)};
  REQUIRE_FALSE(writer.submit(std::move(refused)));
  REQUIRE(refused.size() == 1);
  open = true;
  REQUIRE(eventually([&] { return collector.size() == 1 && writer.free_senders() == 1; }));
  REQUIRE(writer.submit(std::move(refused)));
  REQUIRE(eventually([&] { return collector.size() == 2; }));
  REQUIRE(database.samples("a", "m").size() == 2);
}

TEST_CASE("stop waits for the running request and every job reports") {
  FakeDatabase database;
  database.before_answer = [] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); };
  Collector collector;
  std::atomic<bool> cancel = false;
  RemoteWrite writer({database.post(), database.post()}, {}, collector.done(), cancel);
  REQUIRE(writer.submit({make_unit(1, "a", 1000)}));
  REQUIRE(writer.submit({make_unit(2, "b", 1000)}));
  writer.stop(10'000);
  REQUIRE(collector.outcomes.size() == 2);
  REQUIRE(collector.outcomes[0].stored);
  REQUIRE(collector.outcomes[1].stored);
  REQUIRE_FALSE(writer.submit({make_unit(3, "a", 2000)}));
}

TEST_CASE("stop ends the wait for a database that is away") {
  FakeDatabase database;
  database.unreachable = true;
  DeliveryOptions options;
  options.retry_for_ms = 600'000;
  options.backoff_min_ms = 300'000;
  Collector collector;
  std::atomic<bool> cancel = false;
  RemoteWrite writer({database.post()}, options, collector.done(), cancel);
  REQUIRE(writer.submit({make_unit(1, "a", 1000)}));
  REQUIRE(eventually([&] { return database.requests() == 1; }));
  writer.stop(10'000);
  REQUIRE(collector.outcomes.size() == 1);
  REQUIRE_FALSE(collector.outcomes[0].stored);
}

// The case "Ordering" of the remote-write 1.0 compliance suite, made strict: with a receiver of
// random slowness and several senders, the times of each series only grow.
TEST_CASE("series stay in order behind a slow receiver") {
  FakeDatabase database;  // answers 400 to anything out of order
  std::atomic<unsigned> turn = 0;
  database.before_answer = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds((turn++ * 7) % 13));
  };
  Collector collector;
  std::atomic<bool> cancel = false;
  RemoteWrite writer({database.post(), database.post(), database.post()}, {}, collector.done(),
                     cancel);
  // As the relay does: the next unit of a node goes out when the one before is answered.
  std::uint64_t sent = 0;
  for (int round = 0; round < 20; ++round) {
    for (const std::string node : {"a", "b", "c"}) {
      auto job = std::vector{make_unit(++sent, node, 1000 * (round + 1))};
      REQUIRE(eventually([&] { return writer.submit(std::move(job)); }));
    }
    REQUIRE(eventually([&] { return collector.size() == sent; }));
  }
  for (const auto& outcome : collector.outcomes) {
    REQUIRE(outcome.stored);
    REQUIRE(outcome.dropped.empty());
  }
  for (const std::string node : {"a", "b", "c"}) {
    REQUIRE(database.samples(node, "m").size() == 20);
  }
}

}  // namespace
}  // namespace godwit
