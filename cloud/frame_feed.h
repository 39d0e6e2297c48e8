// FrameFeed: frames with their schemas, for whoever listens beside the relays (`godwit tail`,
// `top`, `nodes`). Frames wait a while for their schema, which a broker may deliver behind them.
// Bounded. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "transport/frame.h"
#include "transport/link.h"
#include "transport/schema_store.h"

namespace godwit {

class FrameFeed {
 public:
  // Both are valid during the call. The schema has a series for each column.
  using Visitor =
      std::function<void(std::string_view node, const Schema& schema, const Frame& frame)>;
  explicit FrameFeed(Visitor visitor) : visitor_(std::move(visitor)) {}

  // `node` empty: all.
  static Status subscribe(Link& link, std::string_view node);
  // Messages of other topics are left alone.
  void on_message(const Message& message);

  // Brokers drop retained messages when more come at once than they queue (mosquitto: 1,000 for
  // each client). Asks again, once, for the schemas of each node whose frames wait for one.
  void ask_again(Link& link);

  // Messages that could not be read, and frames given up for want of their schema.
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

 private:
  struct Waiting {
    std::string node;
    std::string payload;
  };
  // false: the schema is missing.
  bool visit(std::string_view node, std::string_view payload);
  void on_schema(std::string_view node, std::string_view name, std::string_view message);

  Visitor visitor_;
  SchemaStore schemas_;
  std::deque<Waiting> waiting_;
  std::set<std::string, std::less<>> asked_;  // nodes; bounded
  Frame frame_;                               // reused: its memory is
  std::uint64_t unreadable_ = 0;
};

}  // namespace godwit
