#include "test/edge/fake_relay.h"

#include <stdexcept>

#include "transport/topics.h"

namespace godwit::test {

FakeRelay::FakeRelay(std::unique_ptr<Link> link) : link_(std::move(link)) {
  for (const auto* filter :
       {"godwit/v1/+/up", "godwit/v1/+/schema/+", "godwit/v1/+/status", "godwit/v1/+/latest/+"}) {
    if (!link_->subscribe(filter, Qos::at_least_once)) throw std::runtime_error("subscribe");
  }
  if (!link_->start([this](LinkEvent&& event) { (void)inbox_.push(std::move(event)); })) {
    throw std::runtime_error("start");
  }
}

void FakeRelay::step(std::int64_t wait_ms) {
  for (const auto& event : inbox_.wait(wait_ms)) {
    if (event.type == LinkEvent::Type::message) take(event.message);
  }
}

void FakeRelay::publish_state(std::int64_t wall_ms, bool retained) {
  RelayState state;
  state.relay = "fake";
  state.wall_ms = wall_ms;
  state.out_of_order_ok = out_of_order_ok;
  state.out_of_order_window_ms = out_of_order_window_ms;
  (void)link_->publish(topics::relay, encode_relay_state(state), Qos::at_least_once, retained);
}

Status FakeRelay::publish_down(const std::string& payload) {
  return link_->publish(topics::down(node), payload, Qos::at_least_once, false);
}

void FakeRelay::take(const Message& message) {
  const auto topic = parse_topic(message.topic);
  if (!topic) return;
  switch (topic->kind) {
    case TopicKind::up:
      node = topic->node;
      take_frame(message);
      break;
    case TopicKind::schema: {
      const auto id = parse_schema_id(topic->rest);
      if (message.payload.empty()) {
        ++cleared_schemas;
        schemas_.forget(topic->node, *id);
      } else if (!schemas_.add(topic->node, *id, message.payload)) {
        throw std::runtime_error("bad schema message");
      }
      break;
    }
    case TopicKind::status: {
      const auto status = decode_status(message.payload);
      if (!status) throw std::runtime_error("bad status message");
      statuses.push_back(*status);
      break;
    }
    case TopicKind::latest:
      latest[message.topic] = message.payload;
      break;
    case TopicKind::down:
      break;
  }
}

void FakeRelay::take_frame(const Message& message) {
  Frame frame;
  if (const Status status = decode_frame(message.payload, frame); !status) {
    throw std::runtime_error(status.error().message);
  }
  if (frame.columns.empty() && frame.schema == 0) {
    ++time_questions;
    if (!mute) {
      send_ack({.stream = frame.stream,
                .seq = frame.last_seq(),
                .verdict = Verdict::need_schema,
                .schema = frame.schema,
                .relay_time_ms = relay_clock ? relay_clock() : relay_time_ms,
                .out_of_order_ok = out_of_order_ok,
                .out_of_order_window_ms = out_of_order_window_ms});
    }
    return;
  }
  ++frames;
  if (frame.history) ++history_frames;
  if (frame.keep_every > 1) ++thinned_frames;
  if (!frame.lost.empty()) lost = frame.lost;
  if (silent) return;
  Ack ack;
  ack.stream = frame.stream;
  ack.seq = frame.last_seq();
  ack.relay_time_ms = relay_clock ? relay_clock() : relay_time_ms;
  ack.out_of_order_ok = out_of_order_ok;
  ack.out_of_order_window_ms = out_of_order_window_ms;
  const auto found = schemas_.find(node, frame.schema);
  if (!answers.empty()) {
    ack.verdict = answers.front().verdict;
    ack.reason = answers.front().reason;
    ack.retry_after_ms = answers.front().retry_after_ms;
    answers.pop_front();
  } else if (!found || found->schema == nullptr) {
    ++schema_asks;
    ack.verdict = Verdict::need_schema;
    ack.schema = found ? found->missing : frame.schema;
  } else {
    store(frame, *found->schema);
  }
  send_ack(ack);
}

void FakeRelay::store(const Frame& frame, const Schema& schema) {
  if (frame.columns.size() > schema.series.size()) throw std::runtime_error("schema too narrow");
  auto& known = seqs[frame.stream];
  if (!known.empty() && frame.first_seq() <= *known.rbegin() && !known.contains(frame.last_seq())) {
    ++out_of_order;
  }
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    if (!known.empty() && frame.seqs[t] < *known.rbegin() && !known.contains(frame.seqs[t])) {
      ++late_ticks;
    }
    if (!known.insert(frame.seqs[t]).second) {
      ++repeated_ticks;
      continue;
    }
    for (std::size_t i = 0; i < frame.columns.size(); ++i) {
      const double value = frame.columns[i][t];
      if (is_absent(value)) continue;
      samples[format_series(schema.series[i])][frame.times_ms[t]] = value;
    }
  }
}

std::size_t FakeRelay::ticks() const {
  std::size_t count = 0;
  for (const auto& [stream, known] : seqs) count += known.size();
  return count;
}

std::size_t FakeRelay::sample_count() const {
  std::size_t count = 0;
  for (const auto& [series, values] : samples) count += values.size();
  return count;
}

}  // namespace godwit::test
