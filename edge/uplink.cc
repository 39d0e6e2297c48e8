#include "edge/uplink.h"

#include <algorithm>
#include <utility>

#include "transport/log.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t link_full_pause_ms = 50;
constexpr std::int64_t buffer_error_pause_ms = 5000;
constexpr std::int64_t longest_retry_after_ms = 600'000;
constexpr std::int64_t clear_interval_ms = 60'000;
// After a broker's restart a relay may come back a moment later than the agent and miss the first
// frame.
constexpr std::int64_t first_timeout_ms = 1000;
constexpr int quick_schema_answers = 3;

}  // namespace

Uplink::Uplink(Link& link, BootClock& clock, UplinkOptions options)
    : link_(link),
      clock_(clock),
      options_(std::move(options)),
      outgoing_(clock, options_.limits),
      meter_(options_.meter_path, options_.link.billing_day, options_.link.max_unsaved_bytes()),
      resend_(options_.ack_timeout_ms, options_.max_resend_ms, options_.random),
      asker_(link, clock, options_.node, options_.random) {}

Status Uplink::subscribe() {
  if (Status s = link_.subscribe(topics::down(options_.node), Qos::at_least_once); !s) return s;
  return link_.subscribe(topics::relay, Qos::at_most_once);
}

void Uplink::on_event(const LinkEvent& event, Buffer& buffer, std::int64_t now_ms) {
  switch (event.type) {
    case LinkEvent::Type::connected:
      connected_ = true;
      told_reason_.clear();
      birth_is_due_ = true;
      asker_.connected(now_ms);
      fresh_connection_ = true;
      announced_.clear();
      outgoing_.set_told({});
      retry_ms_ = now_ms;
      resend_.reset();
      if (flight_) flight_->send_at_ms = now_ms;
      log::info("uplink", "connected", {{"waiting_ticks", buffer.stats().ticks}});
      break;
    case LinkEvent::Type::disconnected:
      // The link tries again for as long as it takes: each reason is told once.
      if (connected_ || event.reason != told_reason_) {
        log::warning("uplink", connected_ ? "disconnected" : "not connected",
                     {{"reason", event.reason}});
        told_reason_ = event.reason;
      }
      connected_ = false;
      break;
    case LinkEvent::Type::message:
      if (event.message.topic == topics::relay) {
        asker_.relay_lives(now_ms);
      } else if (event.message.topic == topics::down(options_.node) && !event.message.retained) {
        on_ack(event.message.payload, buffer, now_ms);
      }
      break;
  }
}

void Uplink::on_ack(std::string_view payload, Buffer& buffer, std::int64_t now_ms) {
  const auto ack = decode_ack(payload);
  if (!ack) {
    log::warning("uplink", "an ack cannot be read", {{"reason", ack.error().message}});
    return;
  }
  const auto heard = asker_.take(*ack, now_ms);
  if (heard != TimeAsker::Heard::not_ours) {
    if (heard == TimeAsker::Heard::clock_changed) clock_changed_ = true;
    return;
  }
  forget_foreign_flight(buffer);
  const bool is_ours = flight_ && flight_->sends > 0 && ack->stream == flight_->stream &&
                       ack->seq == flight_->frame.last_seq;
  if (!is_ours) {
    ++stats_.stale_acks;
    return;
  }
  // Which of several sends it answers is not known.
  if (clock_.hear_relay({ack->relay_time_ms, flight_->first_sent_ms, now_ms})) {
    clock_changed_ = true;
  }
  stats_.last_ack_boot_ms = now_ms;
  switch (ack->verdict) {
    case Verdict::stored:
      answer_stored(*ack, buffer, now_ms);
      break;
    case Verdict::rejected: {
      log::warning("uplink", "the relay refused readings for good",
                   {{"reason", ack->reason}, {"ticks", flight_->frame.ticks}});
      const Status moved = buffer.reject(flight_->frame.first_seq, flight_->frame.last_seq,
                                         ack->reason.empty() ? "rejected" : ack->reason);
      if (!moved) buffer_failed(moved.error());
      flight_.reset();
      retry_ms_ = moved ? now_ms : now_ms + buffer_error_pause_ms;
      break;
    }
    case Verdict::need_schema:
      answer_need_schema(now_ms);
      break;
    case Verdict::retry_after:
      flight_->send_at_ms =
          now_ms + std::clamp<std::int64_t>(ack->retry_after_ms, 100, longest_retry_after_ms);
      break;
  }
}

void Uplink::answer_stored(const Ack& ack, Buffer& buffer, std::int64_t now_ms) {
  stats_.acked_ticks += flight_->frame.ticks;
  if (!flight_->frame.lost.empty()) outgoing_.set_told(std::move(flight_->frame.lost));
  stats_.relay_dropped_samples += ack.dropped_samples;
  if (ack.dropped_samples > 0) {
    log::warning("uplink", "the database refused samples of a frame",
                 {{"samples", ack.dropped_samples}, {"reason", ack.reason}});
  }
  const Status released = buffer.release(flight_->frame.last_seq);
  if (!released) buffer_failed(released.error());
  flight_.reset();
  resend_.reset();
  retry_ms_ = released ? now_ms : now_ms + buffer_error_pause_ms;
}

// At once, so that a new relay costs one round trip; a relay that keeps asking gets it at the pace
// of a timeout.
void Uplink::answer_need_schema(std::int64_t now_ms) {
  announced_.clear();
  if (++flight_->schema_requests <= quick_schema_answers) flight_->send_at_ms = now_ms;
}

void Uplink::publish_birth(Buffer& buffer) {
  NodeStatus status = options_.birth;
  status.online = true;
  status.wall_ms = clock_.wall_now().value_or(0);
  told_clock_ = clock_.state();
  status.clock = told_clock_;
  status.backlog_ticks = buffer.stats().ticks;
  birth_is_due_ =
      !link_.publish(topics::status(options_.node), encode_status(status), Qos::at_least_once, true)
           .ok();
}

void Uplink::say_goodbye(Buffer& buffer) {
  if (!connected_) return;
  NodeStatus status = options_.birth;
  status.online = false;
  status.wall_ms = clock_.wall_now().value_or(0);
  status.backlog_ticks = buffer.stats().ticks;
  // If it fails the broker's will says nearly the same.
  (void)link_.publish(topics::status(options_.node), encode_status(status), Qos::at_least_once,
                      true);
}

void Uplink::store_meter() {
  meter_.count(link_.stats(), clock_.wall_now());
  if (const Status saved = meter_.save(); !saved) log::warning("link", saved.error().message);
}

bool Uplink::publish_schemas(Buffer& buffer, SchemaId id) {
  std::vector<std::pair<SchemaId, std::string>> chain;  // child first
  std::optional<SchemaId> at = id;
  while (at && !announced_.contains(*at) && chain.size() <= max_schema_depth) {
    auto stored = buffer.schema(*at);
    if (!stored || !stored->has_value()) {
      log::error("uplink", "a schema is missing in the buffer",
                 {{"schema", format_schema_id(*at)}});
      break;
    }
    chain.emplace_back(*at, std::move((*stored)->message));
    at = (*stored)->parent;
  }
  for (auto step = chain.rbegin(); step != chain.rend(); ++step) {
    const Status sent = link_.publish(topics::schema(options_.node, step->first), step->second,
                                      Qos::at_least_once, true);
    if (!sent) return false;
    announced_.insert(step->first);
  }
  return true;
}

// A frame that waited for a connection may have become old meanwhile.
void Uplink::mark_as_history(OutgoingFrame& frame) const {
  const auto now = clock_.wall_now();
  if (frame.history || !now || *now - frame.last_wall_ms <= options_.limits.history_age_ms) return;
  Frame decoded;
  if (!decode_frame(frame.payload, decoded)) return;
  decoded.history = true;
  frame.payload = encode_frame(decoded);
  frame.history = true;
}

void Uplink::send(Buffer& buffer, std::int64_t now_ms) {
  Flight& flight = *flight_;
  mark_as_history(flight.frame);
  Status sent = Error{ErrorCode::full, ""};
  if (publish_schemas(buffer, flight.frame.schema)) {
    sent =
        link_.publish(topics::up(options_.node), flight.frame.payload, Qos::at_least_once, false);
  }
  if (!sent) {
    // `unavailable`: the disconnected event is on its way.
    flight.send_at_ms = now_ms + link_full_pause_ms;
    return;
  }
  ++stats_.sent_frames;
  if (flight.sends > 0) {
    ++stats_.resent_frames;
    log::debug("uplink", "sent again",
               {{"last_seq", flight.frame.last_seq}, {"times", flight.sends}});
  }
  const std::int64_t jitter = flight.sends > 0 ? resend_.next_ms() : 0;
  const std::int64_t timeout = std::min(options_.ack_timeout_ms + jitter, options_.max_resend_ms);
  flight.send_at_ms =
      now_ms + (std::exchange(fresh_connection_, false) ? first_timeout_ms : timeout);
  flight.sent_ms = now_ms;
  if (flight.sends == 0) flight.first_sent_ms = now_ms;
  ++flight.sends;
}

void Uplink::clear_schemas(Buffer& buffer, std::int64_t now_ms) {
  next_clear_ms_ = now_ms + clear_interval_ms;
  const auto gone = buffer.drop_unused_schemas(current_schema_);
  if (!gone) return;
  for (const SchemaId id : *gone) {
    announced_.erase(id);
    // Retained and empty: the broker forgets it. If that fails it stays, which harms nobody.
    (void)link_.publish(topics::schema(options_.node, id), "", Qos::at_least_once, true);
  }
}

void Uplink::buffer_failed(Error error) {
  log::error("buffer", error.message);
  buffer_error_ = std::move(error);
}

// The buffer may be another one since.
void Uplink::forget_foreign_flight(const Buffer& buffer) {
  if (flight_ && flight_->stream != buffer.epoch()) flight_.reset();
}

void Uplink::step(Buffer& buffer, std::int64_t now_ms) {
  forget_foreign_flight(buffer);
  stepped_ms_ = now_ms;
  meter_.count(link_.stats(), clock_.wall_now());
  if (!connected_ || now_ms < retry_ms_) return;
  if (birth_is_due_ || told_clock_ != clock_.state()) publish_birth(buffer);
  asker_.step(now_ms);
  if (!flight_) {
    if (!clock_.settled()) return;
    if (now_ms >= next_clear_ms_) clear_schemas(buffer, now_ms);
    if (buffer.empty()) return;
    auto made = outgoing_.make(buffer);
    if (!made) {
      buffer_failed(made.error());
      retry_ms_ = now_ms + buffer_error_pause_ms;
      return;
    }
    if (!made->has_value()) return;
    flight_ = Flight{std::move(**made), buffer.epoch(), 0, 0, now_ms, 0, 0};
    buffer.pin(flight_->frame.first_seq, flight_->frame.last_seq);
  }
  if (now_ms >= flight_->send_at_ms) send(buffer, now_ms);
}

std::int64_t Uplink::next_step_ms() const {
  if (!connected_) return INT64_MAX;
  if (flight_) return std::max(flight_->send_at_ms, retry_ms_);
  // Without a flight the last step() found nothing to send, or has to pause.
  const std::int64_t next_ms = retry_ms_ > stepped_ms_ ? retry_ms_ : INT64_MAX;
  return std::min(next_ms, asker_.next_step_ms());
}

}  // namespace godwit
