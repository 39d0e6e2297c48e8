#include "edge/time_asker.h"

#include <algorithm>
#include <random>
#include <utility>

#include "transport/frame.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t least_pause_ms = 1000;
constexpr std::int64_t longest_pause_ms = 60'000;

std::uint64_t random_stream() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

TimeAsker::TimeAsker(Link& link, BootClock& clock, std::string node, Backoff::Random random)
    : link_(link),
      clock_(clock),
      node_(std::move(node)),
      stream_(random_stream()),
      pause_(least_pause_ms, longest_pause_ms, std::move(random)) {}

void TimeAsker::connected(std::int64_t now_ms) {
  pause_.reset();
  due_ms_ = now_ms;
}

void TimeAsker::relay_lives(std::int64_t now_ms) {
  pause_.reset();
  due_ms_ = std::min(due_ms_, std::max(now_ms, asked_ms_ + least_pause_ms));
}

void TimeAsker::step(std::int64_t now_ms) {
  if (!clock_.wants_relay() || now_ms < due_ms_) return;
  Frame question;
  question.stream = stream_;
  question.seqs = {++question_};
  question.times_ms = {0};
  due_ms_ = now_ms + least_pause_ms + pause_.next_ms();
  asked_ms_ = now_ms;
  // If the link has no room now: with the next one.
  (void)link_.publish(topics::up(node_), encode_frame(question), Qos::at_least_once, false);
}

std::int64_t TimeAsker::next_step_ms() const { return clock_.wants_relay() ? due_ms_ : INT64_MAX; }

TimeAsker::Heard TimeAsker::take(const Ack& ack, std::int64_t now_ms) {
  if (ack.stream != stream_) return Heard::not_ours;
  if (ack.seq != question_) return Heard::nothing_new;
  const bool changed = clock_.hear_relay({ack.relay_time_ms, asked_ms_, now_ms});
  if (ack.relay_time_ms != 0) pause_.reset();
  return changed ? Heard::clock_changed : Heard::nothing_new;
}

}  // namespace godwit
