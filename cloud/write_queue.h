// WriteQueue: arrivals that wait for the database or are on their way, gathered into requests over
// nodes. Keeps the promise that RemoteWrite relies on: at most one arrival of a node at a time.
// Live readings and history never share a request, and neither takes the last connection from the
// other for long: a fleet that catches up does not delay the present, and does catch up.
// Owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/delivery.h"
#include "cloud/ingest.h"
#include "cloud/remote_write.h"

namespace godwit {

struct WriteQueueOptions {
  std::size_t max_samples_per_request = 50'000;
  std::int64_t max_wait_ms = 100;
  std::size_t max_bytes = 128U << 20;
};

class WriteQueue {
 public:
  WriteQueue(WriteQueueOptions options, RemoteWrite& writer) : options_(options), writer_(writer) {}

  // What the queue has of this node already, if anything.
  struct Waiting {
    std::uint64_t stream = 0;
    std::uint64_t last_seq = 0;
  };
  [[nodiscard]] std::optional<Waiting> find(std::string_view node) const;
  // 1 and more: nothing should be pushed. Counts bytes, and how long the oldest arrival has waited:
  // its node would send again before it is written.
  [[nodiscard]] double fill(std::int64_t now_ms) const;

  // What belongs to no node (an empty name) travels alone and whole.
  // The node must not be in the queue (assert). `now_ms` is steady_ms(), here and below.
  void push(Arrival&& arrival, std::int64_t now_ms);

  // Hands requests to free senders: at once when all are idle, else when a request is full or its
  // oldest arrival has waited long enough. `flush`: whatever is there.
  void dispatch(std::int64_t now_ms, bool flush = false);

  struct Settled {
    Arrival arrival;  // without its bodies
    std::int64_t arrived_ms = 0;
    UnitOutcome outcome;
  };
  // What became of a unit that dispatch() sent; it leaves the queue.
  std::optional<Settled> settle(UnitOutcome&& outcome, std::int64_t now_ms);

  // Until when dispatch() has nothing to do unless something arrives or is settled.
  [[nodiscard]] std::int64_t next_dispatch_ms() const;
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Arrival arrival;
    std::int64_t arrived_ms = 0;
  };
  struct Lane {
    std::deque<Entry> waiting;
    std::size_t samples = 0;    // waiting
    std::size_t under_way = 0;  // arrivals
  };
  Lane& lane_of(const Arrival& arrival) { return arrival.history ? history_ : live_; }
  [[nodiscard]] bool due(const Lane& lane, std::int64_t now_ms, bool flush) const;
  // nullptr: nothing is to be sent now.
  Lane* choose_lane(std::int64_t now_ms, bool flush);
  // A node whose samples met a refusal lately travels alone for a while, so that the others'
  // request need not be taken apart for it; one that met 500 again and again becomes suspect.
  struct Trouble {
    std::int64_t alone_until_ms = 0;
    int server_errors = 0;
    std::int64_t since_ms = 0;
  };
  [[nodiscard]] bool travels_alone(const Arrival& arrival, std::int64_t now_ms) const;
  std::vector<WriteUnit> take_request(Lane& lane, std::int64_t now_ms);
  WriteUnit take_unit(Lane& lane, Entry&& entry);
  void note_trouble(const std::string& node, const UnitOutcome& outcome, std::int64_t now_ms);

  WriteQueueOptions options_;
  RemoteWrite& writer_;
  Lane live_;
  Lane history_;
  std::map<std::uint64_t, Entry> sent_;  // by unit id, bodies moved out
  std::map<std::string, Waiting, std::less<>> nodes_;
  std::map<std::string, Trouble, std::less<>> troubles_;
  std::size_t bytes_ = 0;
  std::uint64_t next_id_ = 1;
};

}  // namespace godwit
