#include "transport/envelope_queue.h"

#include <algorithm>
#include <utility>

namespace godwit {

std::deque<EnvelopePart>::iterator EnvelopeQueue::find(const std::string& topic) {
  return std::find_if(parts_.begin(), parts_.end(),
                      [&](const EnvelopePart& part) { return part.topic == topic; });
}

void EnvelopeQueue::add(EnvelopePart&& part) {
  if (const auto same = find(part.topic); same != parts_.end()) {
    bytes_ -= content_bytes(*same);
    parts_.erase(same);
  }
  bytes_ += content_bytes(part);
  parts_.push_back(std::move(part));
}

std::vector<EnvelopePart> EnvelopeQueue::take() {
  std::vector<EnvelopePart> taken;
  std::size_t content = 0;
  while (!parts_.empty() && taken.size() < max_envelope_parts) {
    const std::size_t bytes = content_bytes(parts_.front());
    if (content + bytes > max_envelope_content) break;
    content += bytes;
    bytes_ -= bytes;
    taken.push_back(std::move(parts_.front()));
    parts_.pop_front();
  }
  return taken;
}

void EnvelopeQueue::put_back(std::vector<EnvelopePart>&& parts) {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (find(part->topic) != parts_.end()) continue;
    bytes_ += content_bytes(*part);
    parts_.push_front(std::move(*part));
  }
}

void EnvelopeQueue::clear() {
  parts_.clear();
  bytes_ = 0;
}

}  // namespace godwit
