#include "transport/inbox.h"

#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "transport/clock.h"

using godwit::Inbox;
using godwit::steady_ms;

TEST_CASE("inbox hands over everything in order") {
  Inbox<std::unique_ptr<int>> inbox(10);
  for (int i = 0; i < 3; ++i) CHECK(inbox.push(std::make_unique<int>(i)));
  const auto items = inbox.wait(60'000);
  REQUIRE(items.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(*items[static_cast<std::size_t>(i)] == i);
  CHECK(inbox.wait(0).empty());
}

TEST_CASE("inbox refuses and counts what is over its capacity, and leaves it to the caller") {
  Inbox<std::string> inbox(2);
  CHECK(inbox.push("a"));
  CHECK(inbox.push("b"));
  std::string kept = "a text that is too long for the object itself";
  CHECK_FALSE(inbox.push(std::move(kept)));
  CHECK(kept.starts_with("a text"));  // NOLINT(bugprone-use-after-move): the contract
  CHECK(inbox.refused() == 1);
  CHECK(inbox.wait(0) == std::vector<std::string>{"a", "b"});
  CHECK(inbox.push("c"));
  CHECK(inbox.refused() == 1);
}

TEST_CASE("inbox waits for the time given when nothing comes") {
  Inbox<int> inbox(1);
  const auto start_ms = steady_ms();
  CHECK(inbox.wait(50).empty());
  CHECK(steady_ms() - start_ms >= 49);
}

TEST_CASE("a wake ends one wait, also one that begins later") {
  Inbox<int> inbox(1);
  inbox.wake();
  const auto start_ms = steady_ms();
  CHECK(inbox.wait(60'000).empty());
  CHECK(steady_ms() - start_ms < 30'000);
  CHECK(inbox.wait(1).empty());
  std::thread waker([&] { inbox.wake(); });
  CHECK(inbox.wait(60'000).empty());
  waker.join();
  CHECK(steady_ms() - start_ms < 30'000);
}

TEST_CASE("inbox loses and doubles nothing between threads") {
  constexpr int per_thread = 5000;
  constexpr int threads = 3;
  Inbox<int> inbox(64);
  std::vector<std::thread> pushers;
  for (int t = 0; t < threads; ++t) {
    pushers.emplace_back([&inbox, t] {
      for (int i = 0; i < per_thread; ++i) {
        while (!inbox.push(t * per_thread + i)) std::this_thread::yield();
      }
    });
  }
  std::vector<int> last(threads, -1);
  int received = 0;
  bool in_order = true;
  while (received < per_thread * threads) {
    for (const int item : inbox.wait(10'000)) {
      int& before = last[static_cast<std::size_t>(item / per_thread)];
      in_order = in_order && item % per_thread == before + 1;
      before = item % per_thread;
      ++received;
    }
  }
  for (auto& pusher : pushers) pusher.join();
  CHECK(in_order);
  CHECK(received == per_thread * threads);
}
