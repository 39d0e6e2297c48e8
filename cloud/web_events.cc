#include "cloud/web_events.h"

#include <utility>

namespace godwit {
namespace {

constexpr std::size_t max_text_bytes = 1000;

void write_event(JsonWriter& json, const WebEvent& event) {
  json.begin_object();
  json.member("id", event.id);
  json.member("time_ms", event.time_ms);
  json.member("node", event.node);
  json.member("kind", event.kind);
  json.member("severity", event.severity);
  json.member("text", event.text);
  json.end_object();
}

}  // namespace

void WebEvents::add(WebEvent event) {
  JsonWriter json;
  {
    const std::lock_guard lock(mutex_);
    event.id = next_id_++;
    if (event.text.size() > max_text_bytes) event.text.resize(max_text_bytes);
    write_event(json, event);
    events_.push_back(std::move(event));
    if (events_.size() > max_events_) events_.pop_front();
  }
  if (observer_) observer_(json.text());
}

void WebEvents::write(JsonWriter& json, std::size_t limit, std::string_view node) const {
  const std::lock_guard lock(mutex_);
  json.begin_array();
  for (auto event = events_.rbegin(); event != events_.rend() && limit > 0; ++event) {
    if (!node.empty() && event->node != node) continue;
    write_event(json, *event);
    --limit;
  }
  json.end_array();
}

}  // namespace godwit
