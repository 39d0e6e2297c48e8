// EnvelopeQueue: the messages that wait for the next envelope of an EventbusLink. No locks.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "transport/envelope.h"

namespace godwit {

class EnvelopeQueue {
 public:
  // What a message takes of an envelope and of the queue's bytes().
  static std::size_t content_bytes(const EnvelopePart& part) {
    return part.topic.size() + part.payload.size() + envelope_part_overhead;
  }

  // A newer message under the same topic makes the one that still waits pointless.
  void add(EnvelopePart&& part);
  // As much, oldest first, as one envelope holds.
  std::vector<EnvelopePart> take();
  // What could not be sent waits again, before all else, unless a newer message does.
  void put_back(std::vector<EnvelopePart>&& parts);
  void clear();

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::deque<EnvelopePart>::iterator find(const std::string& topic);

  std::deque<EnvelopePart> parts_;
  std::size_t bytes_ = 0;
};

}  // namespace godwit
