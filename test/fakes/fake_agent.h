// What an agent is to a relay: publishes schemas and frames on a Link, and keeps the acks it gets.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "test/support/support.h"
#include "transport/ack.h"
#include "transport/frame.h"
#include "transport/link.h"
#include "transport/topics.h"

namespace godwit::test {

class FakeAgent {
 public:
  FakeAgent(std::unique_ptr<Link> link, std::string node, std::vector<Series> series)
      : link_(std::move(link)),
        node_(std::move(node)),
        schema_(encode_schema(std::nullopt, series)),
        width_(series.size()) {
    static_cast<void>(link_->subscribe(topics::down(node_), Qos::at_least_once));
    static_cast<void>(link_->start([this](LinkEvent&& event) { on_event(event); }));
    if (!eventually([this] { return link_->stats().connected; })) {
      throw std::runtime_error("the agent's link does not connect");
    }
  }
  ~FakeAgent() { link_->stop(0); }

  void publish_schema() { publish(topics::schema(node_, schema_id()), schema_, true); }
  void publish(const std::string& topic, const std::string& payload, bool retain = false) {
    if (!eventually([&] { return link_->publish(topic, payload, Qos::at_least_once, retain).ok(); },
                    std::chrono::seconds(20))) {
      throw std::runtime_error("the link does not take " + topic);
    }
  }
  void send(const Frame& frame) { publish(topics::up(node_), encode_frame(frame)); }

  // Sends the frame, and again every `patience`, until it is answered `stored` or `rejected`;
  // publishes the schema when asked. nullopt: no such answer in half a minute.
  std::optional<Ack> deliver(const Frame& frame,
                             std::chrono::milliseconds patience = std::chrono::milliseconds(1000)) {
    std::size_t seen = acks().size();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      send(frame);
      if (!eventually([&] { return acks().size() > seen; }, patience)) continue;
      const auto all = acks();
      for (; seen < all.size(); ++seen) {
        const Ack& ack = all[seen];
        if (ack.stream != frame.stream || ack.seq != frame.last_seq()) continue;
        if (ack.verdict == Verdict::need_schema) publish_schema();
        if (ack.verdict == Verdict::stored || ack.verdict == Verdict::rejected) return ack;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return std::nullopt;
  }

  // Ticks [first, last], a second apart; value of series i at tick t is 1000 i + t.
  [[nodiscard]] Frame frame(std::uint64_t first, std::uint64_t last, std::int64_t start_ms) const {
    Frame made;
    made.stream = 7;
    made.schema = schema_id();
    made.columns.resize(width_);
    for (std::uint64_t tick = first; tick <= last; ++tick) {
      made.seqs.push_back(tick);
      made.times_ms.push_back(start_ms + static_cast<std::int64_t>(tick) * 1000);
      for (std::size_t i = 0; i < width_; ++i) {
        made.columns[i].push_back(static_cast<double>(1000 * i + tick));
      }
    }
    return made;
  }

  [[nodiscard]] std::vector<Ack> acks() const {
    const std::lock_guard lock(mutex_);
    return acks_;
  }
  // The last ack, waiting for the n-th.
  [[nodiscard]] std::optional<Ack> wait_ack(std::size_t n) const {
    if (!eventually([&] { return acks().size() >= n; })) return std::nullopt;
    return acks().at(n - 1);
  }
  [[nodiscard]] SchemaId schema_id() const { return schema_id_of(schema_); }
  [[nodiscard]] const std::string& node() const { return node_; }
  [[nodiscard]] Link& link() { return *link_; }

 private:
  void on_event(const LinkEvent& event) {
    if (event.type != LinkEvent::Type::message) return;
    auto ack = decode_ack(event.message.payload);
    if (!ack) return;
    const std::lock_guard lock(mutex_);
    acks_.push_back(std::move(*ack));
  }

  std::unique_ptr<Link> link_;
  std::string node_;
  std::string schema_;
  std::size_t width_;
  mutable std::mutex mutex_;
  std::vector<Ack> acks_;  // guarded by mutex_
};

}  // namespace godwit::test
