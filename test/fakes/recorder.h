// Recorder: the handler of a link in a test.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "transport/link.h"

namespace godwit::test {

// Keeps what a link tells.
class Recorder {
 public:
  Link::Handler handler();
  [[nodiscard]] std::vector<LinkEvent> events() const;
  [[nodiscard]] std::vector<Message> messages() const;
  [[nodiscard]] std::vector<std::string> payloads() const;
  [[nodiscard]] std::size_t count(LinkEvent::Type type) const;
  [[nodiscard]] std::string last_reason() const;
  [[nodiscard]] bool wait_for(LinkEvent::Type type, std::size_t at_least = 1) const;
  [[nodiscard]] bool wait_for_messages(std::size_t at_least) const {
    return wait_for(LinkEvent::Type::message, at_least);
  }
  // Until a disconnected event has a reason that contains `text`.
  [[nodiscard]] bool wait_for_reason(const std::string& text) const;

 private:
  mutable std::mutex mutex_;
  std::vector<LinkEvent> events_;  // protected by mutex_
};

}  // namespace godwit::test
