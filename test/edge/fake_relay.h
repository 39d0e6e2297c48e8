// The far side of an Uplink for tests: takes frames and schemas from a link, remembers every
// sample, and answers as it is told to. step() does its work on the caller's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "transport/ack.h"
#include "transport/frame.h"
#include "transport/inbox.h"
#include "transport/latest.h"
#include "transport/link.h"
#include "transport/schema_store.h"

namespace godwit::test {

class FakeRelay {
 public:
  explicit FakeRelay(std::unique_ptr<Link> link);
  ~FakeRelay() { link_->stop(0); }

  // Answers what came. `wait_ms`: how long to wait for something.
  void step(std::int64_t wait_ms = 0);
  void publish_state(std::int64_t wall_ms, bool retained = false);
  void forget_schemas() { schemas_ = SchemaStore(); }
  void send_ack(const Ack& ack) { (void)publish_down(encode_ack(ack)); }
  Status publish_down(const std::string& payload);

  // What to answer next instead of `stored`.
  std::deque<Ack> answers;
  bool silent = false;             // no answers to readings
  bool mute = false;               // no answers to questions for the time
  std::int64_t relay_time_ms = 0;  // told in acks, unless there is a
  std::function<std::int64_t()> relay_clock;
  bool out_of_order_ok = false;  // told in acks
  std::int64_t out_of_order_window_ms = 0;

  std::string node;  // that last spoke
  // Series text, then time, then value.
  std::map<std::string, std::map<std::int64_t, double>> samples;
  std::map<std::uint64_t, std::set<std::uint64_t>> seqs;  // by stream
  std::size_t frames = 0;                                 // repeats included
  std::size_t history_frames = 0;
  std::size_t thinned_frames = 0;
  std::map<std::string, std::uint64_t> lost;  // as declared last
  std::size_t repeated_ticks = 0;
  std::size_t out_of_order = 0;  // frames that began at or before the last seq and were no repeat
  std::size_t schema_asks = 0;
  std::size_t time_questions = 0;
  std::size_t cleared_schemas = 0;
  // Ticks that were stored after a later one of their stream.
  std::size_t late_ticks = 0;
  std::vector<NodeStatus> statuses;
  std::map<std::string, std::string> latest;  // topic, payload
  [[nodiscard]] std::size_t ticks() const;
  [[nodiscard]] std::size_t sample_count() const;

 private:
  void take(const Message& message);
  void take_frame(const Message& message);
  void store(const Frame& frame, const Schema& schema);

  std::unique_ptr<Link> link_;
  Inbox<LinkEvent> inbox_{100'000};
  SchemaStore schemas_;
};

}  // namespace godwit::test
