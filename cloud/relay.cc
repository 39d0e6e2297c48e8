#include "cloud/relay.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "transport/latest.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::size_t max_inbox_messages = 20'000;
constexpr std::size_t max_inbox_bytes = 64U << 20;
// A node that was just born may have to learn the time before it can send: it need not wait for the
// next turn. Many births share one answer.
constexpr std::int64_t prompt_state_interval_ms = 1000;
constexpr std::int64_t log_interval_ms = 10'000;
constexpr std::int64_t busy_retry_ms = 500;  // the node's frame before this one is still under way
constexpr std::int64_t link_drain_ms = 2000;

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::stored:
      return "stored";
    case Verdict::rejected:
      return "rejected";
    case Verdict::need_schema:
      return "need_schema";
    case Verdict::retry_after:
      break;
  }
  return "retry_after";
}

DeliveryOptions delivery_options(const RelaySettings& settings, HttpGet query) {
  DeliveryOptions options;
  options.user_agent = concat("godwit-relay/", GODWIT_VERSION);
  options.retry_for_ms = settings.retry_for_ms;
  options.query = std::move(query);
  return options;
}

IngestOptions ingest_options(const RelaySettings& settings) {
  return {.target = settings.target,
          .guards = settings.guards,
          .max_samples_per_body = settings.max_samples_per_request,
          .naming = settings.naming};
}

WriteQueueOptions queue_options(const RelaySettings& settings) {
  return {settings.max_samples_per_request, settings.max_wait_ms, settings.max_queue_bytes};
}

}  // namespace

Relay::Relay(const RelaySettings& settings, Link& link, std::vector<HttpPost> posts, HttpGet query,
             std::atomic<bool>& cancel, Clock clock)
    : settings_(settings),
      link_(link),
      clock_(std::move(clock)),
      inbox_(max_inbox_messages, max_inbox_bytes),
      writer_(
          std::move(posts), delivery_options(settings, query),
          [this](std::vector<UnitOutcome>&& outcomes) { inbox_.push(std::move(outcomes)); },
          cancel),
      ingest_(ingest_options(settings)),
      queue_(queue_options(settings), writer_),
      admission_(std::random_device{}()),
      up_(settings.target, settings.naming) {
  refresh_report();
  if (!query) return;
  probe_ = std::make_unique<DatabaseProbe>(
      std::move(query),
      [this](Result<DatabaseTraits>&& traits) { inbox_.push(std::move(traits)); });
}

Status Relay::start() {
  const std::string any_node = concat(topics::root, "+/");
  const std::pair<std::string, Qos> filters[] = {
      {any_node + "schema/+", Qos::at_least_once},
      {any_node + "status", Qos::at_least_once},
      {topics::shared(settings_.share_group, any_node + "up"), Qos::at_least_once},
  };
  for (const auto& [filter, qos] : filters) {
    if (Status status = link_.subscribe(filter, qos); !status) {
      return status.error().with_prefix(concat("subscribing to ", filter));
    }
  }
  return link_.start([this](LinkEvent&& event) { inbox_.push(std::move(event)); });
}

void Relay::step(std::int64_t max_wait_ms) {
  const std::int64_t next_ms =
      std::min({next_state_ms_, next_report_ms_, queue_.next_dispatch_ms()});
  const std::int64_t wait_ms = std::clamp<std::int64_t>(next_ms - steady_ms(), 0, max_wait_ms);
  for (auto& event : inbox_.wait(wait_ms)) on_event(std::move(event));
  auto outcomes = inbox_.take_outcomes();
  watch_database();  // before it is answered what came of the requests
  for (auto& outcome : outcomes) on_outcome(std::move(outcome));
  write_up();
  queue_.dispatch(steady_ms(), draining_);
  if (steady_ms() >= next_state_ms_) publish_state();
  if (steady_ms() >= next_report_ms_) refresh_report();
}

void Relay::stop(std::int64_t grace_ms) {
  draining_ = true;
  const std::int64_t end_ms = steady_ms() + grace_ms;
  while (queue_.size() > 0 && steady_ms() < end_ms) step(50);
  writer_.stop(0);
  for (auto& outcome : inbox_.take_outcomes()) on_outcome(std::move(outcome));
  link_.stop(link_drain_ms);
}

void Relay::on_event(LinkEvent&& event) {
  switch (event.type) {
    case LinkEvent::Type::connected:
      log::info("mqtt", "connected", {{"broker", settings_.mqtt.host}});
      connected_ = true;
      told_reason_.clear();
      publish_state();
      return;
    case LinkEvent::Type::disconnected:
      // The link tries again for as long as it takes: each reason is told once.
      if (connected_ || event.reason != told_reason_) {
        log::warning("mqtt", connected_ ? "disconnected" : "not connected",
                     {{"reason", event.reason}});
        told_reason_ = event.reason;
      }
      connected_ = false;
      return;
    case LinkEvent::Type::message:
      return on_message(std::move(event.message));
  }
}

void Relay::on_message(Message&& message) {
  const auto topic = parse_topic(message.topic);
  if (!topic) return ignore("foreign_topic", message.topic, "no topic of ours");
  switch (topic->kind) {
    case TopicKind::up:
      ++counters_.received["frame"];
      return on_frame(topic->node, message);
    case TopicKind::schema:
      ++counters_.received["schema"];
      return on_schema(topic->node, topic->rest, message);
    case TopicKind::status:
      ++counters_.received["status"];
      return on_status(topic->node, message);
    case TopicKind::down:
    case TopicKind::latest:
      return ignore("foreign_topic", message.topic, "not subscribed");
  }
}

void Relay::on_schema(std::string_view node, std::string_view hash, const Message& message) {
  const auto id = parse_schema_id(hash);
  if (!id) return ignore("bad_schema", message.topic, "no schema id");
  if (Status added = ingest_.add_schema(node, *id, message.payload); !added) {
    ignore("bad_schema", message.topic, added.error().message);
  } else if (up_.on() && !message.payload.empty()) {
    up_.on_schema(node, message.payload);
  }
}

void Relay::on_status(std::string_view node, const Message& message) {
  if (message.payload.empty()) {
    fleet_.forget(node);
    up_.forget(node);
    return tell_presence(node, message.retained);
  }
  const auto status = decode_status(message.payload);
  if (!status) return ignore("bad_status", message.topic, status.error().message);
  fleet_.on_status(node, *status);
  tell_presence(node, message.retained);
  if (status->online && !message.retained) {
    next_state_ms_ = std::min(next_state_ms_, state_sent_ms_ + prompt_state_interval_ms);
  }
}

void Relay::on_frame(std::string_view node, const Message& message) {
  // The shared subscription gets no retained messages from a correct broker: a frame is never
  // published so, and an old one must not come back at each connect.
  if (message.retained) return ignore("retained_frame", message.topic, "a frame, retained");
  if (draining_) return;
  const std::int64_t now_ms = clock_().wall_ms;
  auto result = ingest_.add_frame(node, message.payload, now_ms);
  if (const auto* unanswerable = std::get_if<Unanswerable>(&result)) {
    return ignore("bad_frame", message.topic, unanswerable->error.message);
  }
  if (auto* ack = std::get_if<Ack>(&result)) {
    if (ack->verdict == Verdict::stored) ++counters_.duplicate_frames;
    if (ack->verdict == Verdict::rejected) ++counters_.ignored[ack->reason];
    return answer(node, std::move(*ack));
  }
  auto& arrival = std::get<Arrival>(result);
  fleet_.on_frame(node, now_ms, arrival.history, arrival.lost);
  accept(std::move(arrival));
}

void Relay::accept(Arrival&& arrival) {
  if (const auto waiting = queue_.find(arrival.node)) {
    if (waiting->stream == arrival.stream && waiting->last_seq == arrival.last_seq) {
      ++counters_.duplicate_frames;  // it will be answered when it is settled
      return;
    }
    return put_off(arrival.node, arrival.stream, arrival.last_seq, busy_retry_ms);
  }
  if (arrival.bodies.empty()) return finish(arrival, {});
  const std::int64_t now_ms = steady_ms();
  if (const auto wait_ms = admission_.admit(arrival.node, queue_.fill(now_ms), now_ms);
      wait_ms > 0) {
    return put_off(arrival.node, arrival.stream, arrival.last_seq, wait_ms);
  }
  queue_.push(std::move(arrival), now_ms);
}

void Relay::on_outcome(UnitOutcome&& outcome) {
  auto settled = queue_.settle(std::move(outcome), steady_ms());
  if (!settled) return;
  admission_.served(steady_ms());
  const Arrival& arrival = settled->arrival;
  if (arrival.node.empty()) return;  // of no node: the next moment has its own
  if (!settled->outcome.stored) {
    return put_off(arrival.node, arrival.stream, arrival.last_seq, settled->outcome.retry_after_ms);
  }
  ++counters_.delivered_frames;
  counters_.delivery_ms += static_cast<std::uint64_t>(steady_ms() - settled->arrived_ms);
  finish(arrival, settled->outcome);
}

void Relay::finish(const Arrival& arrival, const UnitOutcome& outcome) {
  std::uint64_t refused = 0;
  for (const auto& [reason, samples] : outcome.dropped) {
    counters_.dropped_samples[reason] += samples;
    refused += samples;
  }
  std::uint64_t unwanted = 0;
  for (const auto& [reason, samples] : arrival.dropped) {
    counters_.dropped_samples[reason] += samples;
    unwanted += samples;
  }
  counters_.stored_samples += arrival.samples - std::min<std::uint64_t>(arrival.samples, refused);
  counters_.found_stored_samples += outcome.found_stored;
  ingest_.stored(arrival, refused == 0);
  fleet_.on_stored(arrival.node, arrival.newest_ms);

  Ack ack;
  ack.stream = arrival.stream;
  ack.seq = arrival.last_seq;
  ack.dropped_samples = refused + unwanted;
  answer(arrival.node, std::move(ack));
}

void Relay::put_off(std::string_view node, std::uint64_t stream, std::uint64_t seq,
                    std::int64_t ms) {
  Ack ack;
  ack.stream = stream;
  ack.seq = seq;
  ack.verdict = Verdict::retry_after;
  ack.retry_after_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 100, 3'600'000));
  answer(node, std::move(ack));
}

void Relay::answer(std::string_view node, Ack ack) {
  ack.relay_time_ms = trusted_wall_ms();
  ack.out_of_order_ok = out_of_order_ok();
  if (ack.out_of_order_ok) ack.out_of_order_window_ms = traits_.out_of_order_window_ms;
  ++counters_.acks[verdict_name(ack.verdict)];
  const Status sent = link_.publish(topics::down(node), encode_ack(ack), Qos::at_least_once, false);
  if (!sent) ++counters_.unsent_acks;  // the node asks again by sending again
}

void Relay::ignore(const char* reason, std::string_view topic, const std::string& detail) {
  ++counters_.ignored[reason];
  ++unlogged_;
  if (steady_ms() < next_log_ms_) return;
  log::warning("relay", "message ignored",
               {{"reason", reason}, {"topic", topic}, {"detail", detail}, {"count", unlogged_}});
  unlogged_ = 0;
  next_log_ms_ = steady_ms() + log_interval_ms;
}

}  // namespace godwit
