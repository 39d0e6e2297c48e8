#include "cloud/write_queue.h"

#include <condition_variable>
#include <set>

#include <catch2/catch.hpp>

#include "test/support/remote_write_decoder.h"
#include "test/support/support.h"

namespace godwit {
namespace {

using test::eventually;

const std::vector<Series> series = {{"a_ratio", {}, Kind::gauge}};

Arrival make_arrival(const std::string& node, bool history) {
  Frame frame;
  frame.seqs = {1};
  frame.times_ms = {1'795'000'000'000};
  frame.columns = {{1.5}};
  Arrival arrival;
  arrival.node = node;
  arrival.stream = 7;
  arrival.first_seq = arrival.last_seq = 1;
  arrival.history = history;
  arrival.bodies.emplace_back();
  arrival.samples =
      append_ticks(frame, 0, 1, EncodedLabels(series, node, {"godwit", {}}), arrival.bodies[0]);
  arrival.bytes = arrival.bodies[0].size();
  return arrival;
}

// Two senders whose posts end when the gate opens; what each request held.
class Harness {
 public:
  ~Harness() { open(); }

  HttpPost post() {
    return [this](const HttpPostRequest& request) -> Result<HttpReply> {
      std::set<std::string> nodes;
      for (const auto& one : test::decode_compressed(request.body)) {
        nodes.insert(one.label("instance"));
      }
      std::unique_lock lock(mutex_);
      requests_.push_back(std::move(nodes));
      opened_.wait(lock, [this] { return open_; });
      return HttpReply{204};
    };
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    opened_.notify_all();
  }
  [[nodiscard]] std::multiset<std::set<std::string>> requests() {
    const std::lock_guard lock(mutex_);
    return {requests_.begin(), requests_.end()};
  }
  [[nodiscard]] bool has_requests(std::size_t count) {
    return eventually([&] { return requests().size() == count; });
  }
  // Settles what is done; false: not all within half a minute.
  bool settle(std::size_t count) {
    return eventually([&] {
      std::vector<UnitOutcome> taken;
      {
        const std::lock_guard lock(mutex_);
        taken.swap(outcomes_);
      }
      for (auto& outcome : taken) settled_ += queue.settle(std::move(outcome), 0) ? 1 : 0;
      queue.dispatch(1000);
      return settled_ == count;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  std::vector<std::set<std::string>> requests_;
  std::vector<UnitOutcome> outcomes_;
  std::size_t settled_ = 0;
  std::atomic<bool> cancel_ = false;
  RemoteWrite writer_{{post(), post()},
                      {.user_agent = "test", .query = {}},
                      [this](std::vector<UnitOutcome>&& outcomes) {
                        const std::lock_guard lock(mutex_);
                        for (auto& outcome : outcomes) outcomes_.push_back(std::move(outcome));
                      },
                      cancel_};

 public:
  WriteQueue queue{{}, writer_};
};

TEST_CASE("live readings and history never share a request") {
  Harness h;
  for (const int i : {1, 2, 3}) {
    h.queue.push(make_arrival("live-" + std::to_string(i), false), 0);
    h.queue.push(make_arrival("old-" + std::to_string(i), true), 0);
  }
  h.queue.dispatch(0);
  h.queue.dispatch(200);
  REQUIRE(h.has_requests(2));
  REQUIRE(h.requests() == std::multiset<std::set<std::string>>{{"live-1", "live-2", "live-3"},
                                                               {"old-1", "old-2", "old-3"}});
  h.open();
  REQUIRE(h.settle(6));
  REQUIRE(h.queue.size() == 0);
  REQUIRE(h.queue.bytes() == 0);
}

TEST_CASE("history leaves the last connection to live readings, and the other way round") {
  for (const bool history : {true, false}) {
    Harness h;
    h.queue.push(make_arrival("first", history), 0);
    h.queue.dispatch(0);
    REQUIRE(h.has_requests(1));
    h.queue.push(make_arrival("second", history), 0);
    if (!history) h.queue.push(make_arrival("waiting", true), 0);
    h.queue.dispatch(1000);
    h.queue.push(make_arrival("other", !history), 1000);
    h.queue.dispatch(2000);
    REQUIRE(h.has_requests(2));
    const auto requests = h.requests();
    REQUIRE(requests.count({"second"}) == 0);
    h.open();
    REQUIRE(h.settle(history ? 3 : 4));
  }
}

TEST_CASE("live readings alone use every connection") {
  Harness h;
  h.queue.push(make_arrival("first", false), 0);
  h.queue.dispatch(0);
  h.queue.push(make_arrival("second", false), 0);
  h.queue.dispatch(1000);
  REQUIRE(h.has_requests(2));
  h.open();
  REQUIRE(h.settle(2));
}

TEST_CASE("a queue is full by its bytes or by how long its oldest arrival waits") {
  Harness h;
  REQUIRE(h.queue.fill(0) == 0);
  h.queue.push(make_arrival("first", false), 0);
  h.queue.dispatch(0);
  REQUIRE(h.queue.fill(60'000) < 0.1);  // on its way
  h.queue.push(make_arrival("second", true), 0);
  h.queue.push(make_arrival("third", true), 0);
  REQUIRE(h.queue.fill(100) < 0.1);
  REQUIRE(h.queue.fill(5000) > 1);
  h.open();
  REQUIRE(h.settle(3));
}

}  // namespace
}  // namespace godwit
