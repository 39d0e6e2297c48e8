// Tail: live readings of the fleet as lines, from the same messages that a relay gets, and what the
// nodes say of readings that will never come. It only listens: agents notice nothing. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "transport/frame.h"
#include "transport/link.h"
#include "transport/schema_store.h"

namespace godwit {

struct TailOptions {
  std::string node;    // empty: all
  std::string metric;  // shell pattern on the metric's name; empty: all
  bool json = false;   // one object per line
};

class Tail {
 public:
  explicit Tail(TailOptions options) : options_(std::move(options)) {}

  Status subscribe(Link& link) const;
  // The lines that a message makes readable. Frames wait a while for their schema, which a broker
  // may deliver behind them.
  std::string on_message(const Message& message);

  // Messages that could not be read, and frames given up for want of their schema.
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

 private:
  struct Waiting {
    std::string node;
    std::string payload;
  };
  // false: the schema is missing.
  bool print(std::string_view node, std::string_view payload, std::string& out);
  void print_frame(std::string_view node, const Schema& schema, std::string& out) const;
  // What the node declares lost, whatever metric is asked for.
  void print_losses(std::string_view node, std::string& out) const;
  void print_line(std::string_view node, const Series& series, std::int64_t time_ms, double value,
                  std::string& out) const;

  TailOptions options_;
  SchemaStore schemas_;
  std::deque<Waiting> waiting_;
  Frame frame_;
  std::uint64_t unreadable_ = 0;
};

}  // namespace godwit
