#include "edge/uplink.h"

#include <algorithm>
#include <utility>

#include "transport/log.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t link_full_pause_ms = 50;
constexpr std::int64_t unconfirmed_pause_ms = 500;
constexpr std::int64_t capped_pause_ms = 1000;
constexpr std::int64_t collectors_pause_ms = 300'000;
constexpr std::int64_t buffer_error_pause_ms = 5000;
constexpr std::int64_t silence_told_after_ms = 30'000;
// After a broker's restart a relay may come back a moment later than the agent and miss the first
// frame.
constexpr std::int64_t first_timeout_ms = 1000;
// A frame that did not get through in this time on a connection that then broke is made smaller.
constexpr std::int64_t too_long_ms = 4000;
constexpr std::uint64_t most_frame_bytes = 192U << 10;
constexpr std::uint64_t least_frame_bytes = 8U << 10;

}  // namespace

Uplink::Uplink(Link& link, BootClock& clock, UplinkOptions options)
    : link_(link),
      clock_(clock),
      options_(std::move(options)),
      outgoing_(clock, options_.limits),
      schemas_(link, options_.node),
      meter_(options_.meter_path, options_.link.billing_day, options_.link.max_unsaved_bytes()),
      budget_(options_.link, options_.flush_interval_ms),
      resend_(options_.ack_timeout_ms, options_.max_resend_ms, options_.random),
      asker_(link, clock, options_.node, options_.random),
      frame_bytes_(most_frame_bytes) {}

Status Uplink::subscribe() {
  if (Status s = link_.subscribe(topics::down(options_.node), Qos::at_least_once); !s) return s;
  return link_.subscribe(topics::relay, Qos::at_most_once);
}

void Uplink::on_event(const LinkEvent& event, Buffer& buffer, std::int64_t now_ms) {
  switch (event.type) {
    case LinkEvent::Type::connected:
      return on_connected(buffer, now_ms);
    case LinkEvent::Type::disconnected:
      return on_disconnected(event.reason, now_ms);
    case LinkEvent::Type::message:
      if (event.message.topic == topics::relay) {
        on_relay_state(event.message, now_ms);
      } else if (event.message.topic == topics::down(options_.node) && !event.message.retained) {
        on_ack(event.message.payload, buffer, now_ms);
      }
      return;
  }
}

void Uplink::on_connected(Buffer& buffer, std::int64_t now_ms) {
  connected_ = true;
  connected_ms_ = now_ms;
  told_reason_.clear();
  birth_is_due_ = true;
  asker_.connected(now_ms);
  fresh_connection_ = true;
  schemas_.forget();
  outgoing_.set_told({});
  order_.reconnected();
  retry_ms_ = now_ms;
  resend_.reset();
  if (flight_) flight_->send_at_ms = now_ms;
  log::info("uplink", "connected", {{"waiting_ticks", buffer.stats().ticks}});
}

void Uplink::on_disconnected(const std::string& reason, std::int64_t now_ms) {
  // The link tries again for as long as it takes: each reason is told once.
  if (connected_ || reason != told_reason_) {
    log::warning("uplink", connected_ ? "disconnected" : "not connected", {{"reason", reason}});
    told_reason_ = reason;
  }
  connected_ = false;
  unanswered_since_ms_ = 0;
  // A large frame may never get through a link that breaks again and again. Fewer of the same ticks
  // under their own seqs are known to a relay that stored all of them.
  const bool was_long = flight_ && flight_->sends > 0 && now_ms - flight_->sent_ms > too_long_ms;
  if (was_long && flight_->frame.rows > 1 && flight_->frame.payload.size() > least_frame_bytes) {
    frame_bytes_ = std::max(least_frame_bytes, frame_bytes_ / 2);
    remade_until_ = flight_->frame.last_seq;
    flight_.reset();
  }
}

// The buffer may be another one since.
void Uplink::forget_foreign_flight(const Buffer& buffer) {
  if (std::exchange(stream_, buffer.epoch()) == buffer.epoch()) return;
  flight_.reset();
  order_.forget();
}

void Uplink::set_collectors(std::vector<CollectorTrouble> collectors, std::int64_t now_ms) {
  const auto same = [](const CollectorTrouble& a, const CollectorTrouble& b) {
    return a.name == b.name && a.absent == b.absent;
  };
  collectors_changed_ =
      collectors_changed_ || !std::equal(collectors.begin(), collectors.end(), collectors_.begin(),
                                         collectors_.end(), same);
  collectors_ = std::move(collectors);
  if (!collectors_changed_ || collectors_paid_ms_ - now_ms > 2 * collectors_pause_ms) return;
  birth_is_due_ = true;
  collectors_paid_ms_ = std::max(collectors_paid_ms_, now_ms) + collectors_pause_ms;
}

NodeStatus Uplink::status(Buffer& buffer, bool online) const {
  NodeStatus status = options_.birth;
  status.online = online;
  status.wall_ms = clock_.wall_now().value_or(0);
  if (online) status.since_ms = clock_.wall_ms(status.boot_id, connected_ms_).value_or(0);
  status.clock = clock_.state();
  status.backlog_ticks = buffer.stats().ticks;
  if (budget_.state() != LinkBudget::State::open) status.link = state_name(budget_.state());
  status.collectors = collectors_;
  return status;
}

void Uplink::publish_birth(Buffer& buffer) {
  told_clock_ = clock_.state();
  collectors_changed_ = false;
  birth_is_due_ = !link_
                       .publish(topics::status(options_.node), encode_status(status(buffer, true)),
                                Qos::at_least_once, true)
                       .ok();
}

void Uplink::say_goodbye(Buffer& buffer) {
  if (const Status s = order_.release(buffer, stepped_ms_, true); !s) {
    log::error("buffer", s.error().message);
  }
  if (!connected_) return;
  // If it fails the broker's will says nearly the same.
  (void)link_.publish(topics::status(options_.node), encode_status(status(buffer, false)),
                      Qos::at_least_once, true);
}

void Uplink::store_meter() {
  meter_.count(link_.stats(), clock_.wall_now());
  if (const Status saved = meter_.save(); !saved) log::warning("link", saved.error().message);
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
  if (flight.sends > 0 && !fresh_connection_ && link_.stats().unconfirmed_messages > 0) {
    // It has not even reached the broker; a dead connection is found by its keepalive.
    flight.send_at_ms = now_ms + unconfirmed_pause_ms;
    return;
  }
  if (budget_.state() == LinkBudget::State::held) {
    flight.send_at_ms = now_ms + capped_pause_ms;
    return;
  }
  mark_as_history(flight.frame);
  Status sent = schemas_.publish(buffer, flight.frame.schema);
  if (sent) {
    sent =
        link_.publish(topics::up(options_.node), flight.frame.payload, Qos::at_least_once, false);
  }
  if (!sent && sent.error().code == ErrorCode::invalid) {
    // Never: it would block all behind it.
    return give_up_flight("the link refuses readings for good", sent.error().message, "too_large",
                          buffer, now_ms);
  }
  if (!sent) {
    // `unavailable`: the disconnected event is on its way.
    flight.send_at_ms = now_ms + link_full_pause_ms;
    return;
  }
  ++stats_.sent_frames;
  const bool is_new = flight.sends == 0;
  if (!is_new) {
    ++stats_.resent_frames;
    log::debug("uplink", "sent again",
               {{"last_seq", flight.frame.last_seq}, {"times", flight.sends}});
  } else if (flight.lane.fresh) {
    ++stats_.overtaking_frames;
  }
  budget_.sent(flight.frame.payload.size(), is_new && !flight.frame.history ? flight.frame.rows : 0,
               now_ms);
  const std::int64_t jitter = is_new ? 0 : resend_.next_ms();
  const std::int64_t timeout = std::min(options_.ack_timeout_ms + jitter, options_.max_resend_ms);
  flight.send_at_ms =
      now_ms + (std::exchange(fresh_connection_, false) ? first_timeout_ms : timeout);
  flight.sent_ms = now_ms;
  if (is_new) flight.first_sent_ms = now_ms;
  ++flight.sends;
  if (unanswered_since_ms_ == 0) unanswered_since_ms_ = now_ms;
}

// The broker is there and takes frames, but nobody answers.
void Uplink::watch_silence(std::int64_t now_ms) {
  if (told_silence_ || unanswered_since_ms_ == 0 ||
      now_ms - unanswered_since_ms_ < silence_told_after_ms) {
    return;
  }
  told_silence_ = true;
  log::warning(
      "uplink",
      "no relay answers: is godwit-relay running, connected to this broker, and allowed to "
      "publish to the topic?",
      {{"topic", topics::down(options_.node)},
       {"seconds", (now_ms - unanswered_since_ms_) / 1000}});
}

void Uplink::buffer_failed(const Error& error, std::int64_t now_ms) {
  log::error("buffer", error.message);
  buffer_error_ = error;
  retry_ms_ = now_ms + buffer_error_pause_ms;
}

bool Uplink::make_flight(Buffer& buffer, std::int64_t now_ms) {
  if (buffer.empty() || now_ms < budget_.next_frame_ms()) return false;
  const auto wanted = wish(buffer, now_ms);
  if (!wanted) return buffer_failed(wanted.error(), now_ms), false;
  if (const Status s = give_up_capped(buffer, *wanted); !s)
    return buffer_failed(s.error(), now_ms), false;
  const auto lane = order_.next(buffer, *wanted, now_ms);
  if (!lane) return buffer_failed(lane.error(), now_ms), false;
  if (!*lane) return false;
  const bool thinned = budget_.state() == LinkBudget::State::thinned;
  SendOrder::Lane rows = **lane;
  // A frame that is made again ends no later than it did.
  if (remade_until_ > rows.after) rows.until = std::min(rows.until, remade_until_);
  remade_until_ = 0;
  const std::uint64_t max_bytes = std::min(frame_bytes_, budget_.max_frame_bytes());
  auto made = outgoing_.make(buffer, rows, thinned ? 1 : max_bytes);  // one row, or many
  if (!made) return buffer_failed(made.error(), now_ms), false;
  if (!made->has_value()) return false;
  flight_ = Flight{std::move(**made), **lane, 0, 0, now_ms, 0, 0, 0};
  buffer.pin(flight_->frame.first_seq, flight_->frame.last_seq);
  return true;
}

void Uplink::step(Buffer& buffer, std::int64_t now_ms) {
  forget_foreign_flight(buffer);
  stepped_ms_ = now_ms;
  weigh_budget(now_ms);
  if (!connected_ || now_ms < retry_ms_) return;
  if (birth_is_due_ || told_clock_ != clock_.state()) publish_birth(buffer);
  asker_.step(now_ms);
  if (!flight_) {
    if (!clock_.settled()) return;
    schemas_.clear_unused(buffer, now_ms);
    if (const Status s = order_.release(buffer, now_ms); !s)
      return buffer_failed(s.error(), now_ms);
    if (!make_flight(buffer, now_ms)) return;
  }
  if (now_ms >= flight_->send_at_ms) send(buffer, now_ms);
  watch_silence(now_ms);
}

std::int64_t Uplink::next_step_ms() const {
  if (!connected_) return INT64_MAX;
  if (flight_) return std::max(flight_->send_at_ms, retry_ms_);
  // Without a flight the last step() found nothing to send, or has to wait.
  const std::int64_t next_ms = std::max(retry_ms_, budget_.next_frame_ms());
  return std::min(next_ms > stepped_ms_ ? next_ms : INT64_MAX, asker_.next_step_ms());
}

}  // namespace godwit
