#include "cloud/web_hub.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit {
namespace {

// A reader may fall behind by some seconds of a large fleet.
constexpr std::size_t max_queued_bytes = 8U << 20;
constexpr std::int64_t keep_alive_ms = 10'000;

HttpStream::Text event_text(std::string_view event, std::string_view json) {
  return std::make_shared<const std::string>(concat("event: ", event, "\ndata: ", json, "\n\n"));
}

}  // namespace

std::shared_ptr<HttpStream> WebHub::open(std::string node, const std::string& hello) {
  const std::lock_guard lock(mutex_);
  std::erase_if(readers_, [](const Reader& reader) { return reader.stream->closed(); });
  if (readers_.size() >= max_web_streams) return nullptr;
  auto stream = std::make_shared<HttpStream>(max_queued_bytes);
  stream->send(std::make_shared<const std::string>("retry: 2000\n\n"));
  stream->send(event_text("hello", hello));
  readers_.push_back({std::move(node), stream});
  return stream;
}

bool WebHub::empty() const {
  const std::lock_guard lock(mutex_);
  return readers_.empty();
}

bool WebHub::watches(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(readers_.begin(), readers_.end(),
                     [&](const Reader& reader) { return reader.node == node; });
}

void WebHub::send_text(const HttpStream::Text& text, std::string_view node) {
  const std::lock_guard lock(mutex_);
  std::erase_if(readers_, [&](const Reader& reader) {
    if (!node.empty() && reader.node != node) return reader.stream->closed();
    return !reader.stream->send(text);
  });
}

void WebHub::send(std::string_view event, std::string_view json) {
  if (!empty()) send_text(event_text(event, json), {});
}

void WebHub::send_node(std::string_view node, std::string_view json) {
  send_text(event_text("node", json), node);
}

void WebHub::keep_alive(std::int64_t now_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (now_ms - kept_alive_ms_ < keep_alive_ms) return;
    kept_alive_ms_ = now_ms;
  }
  send_text(std::make_shared<const std::string>(":\n\n"), {});
}

void WebHub::close_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& reader : readers_) reader.stream->close();
  readers_.clear();
}

}  // namespace godwit
