// LatestView: the present reading of every series of every node, taken from live frames. What shows
// the present (HTTP API, pages) reads it; the database has the rest. Bounded. Any thread: the
// relay's owner thread feeds it, others visit one node at a time, so that nobody waits for long.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit {

struct Reading {
  const Series* series = nullptr;  // canonical, without the labels of the relay
  double value = 0;
  std::int64_t time_ms = 0;  // the node's; INT64_MIN: the series has no value yet
  // Counters: increase per second since the frame before, or within the first one. NaN: not known.
  double rate = 0;
};

struct NodeReadings {
  std::string_view node;
  bool online = false;         // the node's agent is connected, as far as it is known
  std::int64_t heard_ms = 0;   // the relay's wall clock when the last live frame came
  std::int64_t newest_ms = 0;  // the node's time in it
  std::span<const Reading> readings;
};

struct LatestViewLimits {
  std::size_t nodes = 10'000;  // the one that was silent for the longest gives way
  std::size_t readings_per_node = 20'000;
  std::size_t readings = 2'000'000;       // 32 bytes each
  std::size_t series_bytes = 128U << 20;  // of names and labels, which nodes share
  // A reading that is so much older than its node's newest is of the past.
  std::int64_t keep_ms = 600'000;
};

class LatestView {
 public:
  explicit LatestView(LatestViewLimits limits = {}) : limits_(limits) {}

  // For Ingest::LiveObserver. What is older than what is there changes nothing.
  void on_live(std::string_view node, const Schema& schema, const Frame& frame,
               std::int64_t now_wall_ms);
  // For Relay::PresenceObserver.
  void on_presence(std::string_view node, bool online);

  [[nodiscard]] std::vector<std::string> nodes() const;
  // Nothing of what `visitor` gets may be kept. False: no such node. Frames wait meanwhile.
  using Visitor = std::function<void(const NodeReadings&)>;
  bool visit(std::string_view node, const Visitor& visitor) const;

  [[nodiscard]] std::size_t readings() const;
  // Readings that there was no room for.
  [[nodiscard]] std::uint64_t left_out() const;

 private:
  struct Node {
    bool online = false;
    std::int64_t heard_ms = 0;
    std::int64_t newest_ms = 0;
    std::int64_t pruned_ms = 0;
    SchemaId schema = 0;               // that `slots` is of
    std::vector<std::uint32_t> slots;  // by column: index of its reading, or no_slot
    std::vector<Reading> readings;
  };
  using Nodes = std::map<std::string, Node, std::less<>>;
  // How many nodes have it. Addresses of keys are stable.
  using KnownSeries = std::unordered_map<Series, std::size_t, SeriesHash>;

  Node& find_or_add(std::string_view node);
  // nullptr: there is no room.
  const Series* share(const Series& series);
  void learn_schema(Node& node, const Schema& schema);
  void drop_old(Node& node);
  void drop(const Series* series);

  const LatestViewLimits limits_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  Nodes nodes_;
  KnownSeries series_;
  std::size_t count_ = 0;
  std::size_t series_bytes_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace godwit
