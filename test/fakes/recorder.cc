#include "test/fakes/recorder.h"

#include <algorithm>

#include "test/support/support.h"

namespace godwit::test {

using Type = LinkEvent::Type;

Link::Handler Recorder::handler() {
  return [this](LinkEvent&& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  };
}

std::vector<LinkEvent> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<Message> Recorder::messages() const {
  std::vector<Message> out;
  for (LinkEvent& event : events()) {
    if (event.type == Type::message) out.push_back(std::move(event.message));
  }
  return out;
}

std::vector<std::string> Recorder::payloads() const {
  std::vector<std::string> out;
  for (Message& message : messages()) out.push_back(std::move(message.payload));
  return out;
}

std::size_t Recorder::count(Type type) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.end(),
                    [type](const LinkEvent& event) { return event.type == type; }));
}

std::string Recorder::last_reason() const {
  std::string reason;
  for (const LinkEvent& event : events()) {
    if (event.type == Type::disconnected) reason = event.reason;
  }
  return reason;
}

bool Recorder::wait_for(Type type, std::size_t at_least) const {
  return eventually([&] { return count(type) >= at_least; });
}

bool Recorder::wait_for_reason(const std::string& text) const {
  return eventually([&] {
    const auto all = events();
    return std::any_of(all.begin(), all.end(), [&](const LinkEvent& event) {
      return event.reason.find(text) != std::string::npos;
    });
  });
}

}  // namespace godwit::test
