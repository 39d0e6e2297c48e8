// WebEvents: what happened to nodes since this relay began, newest last: a bounded ring. Any
// thread. Event of WEB.md.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "transport/json_writer.h"

namespace godwit {

struct WebEvent {
  std::uint64_t id = 0;
  std::int64_t time_ms = 0;
  std::string node;
  std::string_view kind;      // "online", "offline", "health", "loss", "catching_up", "caught_up"
  std::string_view severity;  // "info", "warning", "critical"
  std::string text;
};

class WebEvents {
 public:
  // Called for each, as JSON, on the thread that adds it.
  using Observer = std::function<void(const std::string& json)>;

  // Ids begin behind those of the relay's earlier life.
  explicit WebEvents(std::int64_t started_ms, std::size_t max_events = 2000)
      : max_events_(max_events), next_id_(static_cast<std::uint64_t>(started_ms) * 1000) {}

  // Before the first add().
  void observe(Observer observer) { observer_ = std::move(observer); }

  void add(WebEvent event);
  // Array, newest first, at most `limit`; of one node if its name is not "".
  void write(JsonWriter& json, std::size_t limit, std::string_view node = {}) const;

 private:
  const std::size_t max_events_;
  Observer observer_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  std::uint64_t next_id_;
  std::deque<WebEvent> events_;
};

}  // namespace godwit
