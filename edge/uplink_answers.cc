// What relays say to an Uplink: acks and their state.
#include <algorithm>
#include <utility>

#include "edge/uplink.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t longest_retry_after_ms = 600'000;
constexpr std::int64_t least_retry_after_ms = 100;
constexpr std::int64_t longest_extra_wait_ms = 15'000;
constexpr std::int64_t longest_breath_ms = 60'000;
constexpr int quick_schema_answers = 3;
constexpr std::int64_t slow_answer_ms = 4000;
// KubeEdge's EventBus carries a message a second.
constexpr std::int64_t quick_answer_ms = 2000;
constexpr std::uint64_t most_frame_bytes = 192U << 10;
constexpr std::uint64_t least_frame_bytes = 8U << 10;

}  // namespace

void Uplink::on_relay_state(const Message& message, std::int64_t now_ms) {
  asker_.relay_lives(now_ms);
  const auto state = decode_relay_state(message.payload);
  if (!state) return;
  link_.expect_fleet(state->nodes);
  // A retained copy may be of any age.
  if (message.retained) return;
  order_.hear({state->out_of_order_ok, state->out_of_order_window_ms}, now_ms);
}

void Uplink::on_ack(std::string_view payload, Buffer& buffer, std::int64_t now_ms) {
  const auto ack = decode_ack(payload);
  if (!ack) {
    log::warning("uplink", "an ack cannot be read", {{"reason", ack.error().message}});
    return;
  }
  const SendOrder::Word word{ack->out_of_order_ok, ack->out_of_order_window_ms};
  const auto heard = asker_.take(*ack, now_ms);
  if (heard != TimeAsker::Heard::not_ours) {
    if (heard == TimeAsker::Heard::clock_changed) clock_changed_ = true;
    return order_.hear(word, now_ms);
  }
  forget_foreign_flight(buffer);
  const bool is_ours = flight_ && flight_->sends > 0 && ack->stream == buffer.epoch() &&
                       ack->seq == flight_->frame.last_seq;
  if (!is_ours) {
    ++stats_.stale_acks;
    return;
  }
  // Which of several sends it answers is not known.
  if (clock_.hear_relay({ack->relay_time_ms, flight_->first_sent_ms, now_ms})) {
    clock_changed_ = true;
  }
  order_.hear(word, now_ms);
  stats_.last_ack_boot_ms = now_ms;
  unanswered_since_ms_ = 0;
  if (std::exchange(told_silence_, false)) log::info("uplink", "a relay answers again");
  switch (ack->verdict) {
    case Verdict::stored:
      return answer_stored(*ack, buffer, now_ms);
    case Verdict::rejected:
      return answer_rejected(*ack, buffer, now_ms);
    case Verdict::need_schema:
      return answer_need_schema(now_ms);
    case Verdict::retry_after:
      return answer_retry_after(*ack, now_ms);
  }
}

// A slow link, or a slow database: smaller frames let fresh readings through earlier.
void Uplink::learn_frame_size(std::int64_t answered_after_ms) {
  if (flight_->sends > 1) return;
  if (answered_after_ms > slow_answer_ms && flight_->frame.rows > 1) {
    frame_bytes_ = std::max(least_frame_bytes, frame_bytes_ / 2);
  } else if (answered_after_ms < quick_answer_ms) {
    frame_bytes_ = std::min(most_frame_bytes, frame_bytes_ * 2);
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
  learn_frame_size(now_ms - flight_->sent_ms);
  const SeqRange rows{flight_->frame.first_seq, flight_->frame.last_seq};
  const Status released = order_.stored(buffer, flight_->lane, rows, now_ms);
  flight_.reset();
  resend_.reset();
  // A busy relay may ask for a pause before the next frame.
  retry_ms_ = now_ms + std::min<std::int64_t>(ack.retry_after_ms, longest_breath_ms);
  if (!released) buffer_failed(released.error(), now_ms);
}

void Uplink::answer_rejected(const Ack& ack, Buffer& buffer, std::int64_t now_ms) {
  give_up_flight("the relay refused readings for good", ack.reason,
                 ack.reason.empty() ? "rejected" : ack.reason, buffer, now_ms);
}

void Uplink::give_up_flight(std::string_view what, std::string_view why, std::string_view reason,
                            Buffer& buffer, std::int64_t now_ms) {
  log::warning("uplink", what, {{"reason", why}, {"ticks", flight_->frame.ticks}});
  const Status moved = buffer.reject(flight_->frame.first_seq, flight_->frame.last_seq, reason);
  flight_.reset();
  retry_ms_ = now_ms;
  if (!moved) buffer_failed(moved.error(), now_ms);
}

// At once, so that a new relay costs one round trip; a relay that keeps asking gets it at the pace
// of a timeout.
void Uplink::answer_need_schema(std::int64_t now_ms) {
  schemas_.forget();
  if (++flight_->schema_requests <= quick_schema_answers) flight_->send_at_ms = now_ms;
}

// Many nodes are put off at one moment: each adds a random wait, which grows while it goes on.
void Uplink::answer_retry_after(const Ack& ack, std::int64_t now_ms) {
  const std::int64_t asked =
      std::clamp<std::int64_t>(ack.retry_after_ms, least_retry_after_ms, longest_retry_after_ms);
  const int doublings = std::min(flight_->put_offs++, 5);
  const std::int64_t bound = std::min(longest_extra_wait_ms, (asked << doublings) / 8);
  const auto extra = static_cast<std::int64_t>(options_.random() * static_cast<double>(bound));
  flight_->send_at_ms = now_ms + asked + extra;
}

void Uplink::weigh_budget(std::int64_t now_ms) {
  const auto wall_ms = clock_.wall_now();
  const LinkStats stats = link_.stats();
  meter_.count(stats, wall_ms);
  const std::int64_t wait_ms =
      wall_ms ? std::max<std::int64_t>(0, budget_.renews_ms() - *wall_ms) : 0;
  can_catch_up_ = order_.may_overtake(wait_ms, now_ms);
  budget_.update(meter_, stats, wall_ms, now_ms, can_catch_up_ || options_.link.thin_over_cap);
  const LinkBudget::State state = budget_.state();
  if (state == told_state_) return;
  told_state_ = state;
  birth_is_due_ = true;
  if (state == LinkBudget::State::open) {
    log::info("link", "within its caps again");
    return;
  }
  const bool held = state == LinkBudget::State::held;
  const std::string_view what =
      held ? "a cap is used up: readings wait in the buffer"
      : can_catch_up_
          ? "a cap will not last: fresh readings are thinned, the rest waits in the buffer"
          : "a cap will not last: readings are thinned, the rest is given up as `capped`";
  log::warning("link", what,
               {{"day_bytes", meter_.day(*wall_ms).total()},
                {"month_bytes", meter_.month(*wall_ms).total()},
                {"renews", format_utc(budget_.renews_ms())}});
}

Result<SendOrder::Wish> Uplink::wish(Buffer& buffer, std::int64_t now_ms) {
  const bool thinned = budget_.state() == LinkBudget::State::thinned;
  if (thinned && can_catch_up_) return SendOrder::Wish{true, true, true};
  const auto oldest = buffer.oldest();
  if (!oldest) return oldest.error();
  const auto wall_now = clock_.wall_now();
  if (!*oldest || !wall_now) return SendOrder::Wish{};
  const auto wall_ms = clock_.wall_ms((*oldest)->boot_id, (*oldest)->last_boot_ms);
  const std::int64_t age_ms = wall_ms ? *wall_now - *wall_ms : 0;
  SendOrder::Wish out;
  out.live_first = order_.may_overtake(age_ms, now_ms) &&
                   (order_.live_first() || age_ms > options_.limits.history_age_ms);
  out.hold_backlog = out.live_first && !budget_.has_surplus();
  return out;
}

// In order and thinned: of each few rows one is sent, twice as many are passed over while older
// ones wait, so that it catches up.
Status Uplink::give_up_capped(Buffer& buffer, const SendOrder::Wish& wish) {
  if (wish.live_first || budget_.state() != LinkBudget::State::thinned) return {};
  const std::uint64_t rows = buffer.stats().rows;
  std::uint64_t passed = budget_.rows_per_sent() - 1;
  if (rows > 2 * (passed + 1)) passed = 2 * passed + 1;
  for (std::uint64_t i = 0; i < std::min(passed, rows - 1); ++i) {
    if (Status dropped = buffer.drop_oldest("capped"); !dropped) return dropped;
  }
  return {};
}

}  // namespace godwit
