// Uplink: carries the buffer's rows to the relay, one frame in flight, and lets go of them when the
// relay says that they are in the database. No thread, never blocks: the owner hands it the link's
// events and calls step() when next_step_ms() says so. Times are CLOCK_BOOTTIME milliseconds.
//
// The same bytes under the same seq are sent again after a timeout that grows with jitter, but not
// while the broker has not confirmed them: the link is slow then, and repeating makes it slower.
// What goes next is said by SendOrder, how much and when by LinkBudget. Frames of a slow link
// become smaller, so that fresh readings need not wait long for a backlog's frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "edge/link_budget.h"
#include "edge/link_meter.h"
#include "edge/link_settings.h"
#include "edge/outgoing.h"
#include "edge/schema_publisher.h"
#include "edge/send_order.h"
#include "edge/time_asker.h"
#include "transport/ack.h"
#include "transport/backoff.h"
#include "transport/latest.h"
#include "transport/link.h"

namespace godwit {

struct UplinkOptions {
  std::string node;
  NodeStatus birth;  // boot id, session, version; the rest is filled in
  OutgoingLimits limits;
  std::int64_t flush_interval_ms = 10'000;
  LinkLimits link;
  std::string meter_path;  // empty: forgotten with the process
  std::int64_t ack_timeout_ms = 5000;
  std::int64_t max_resend_ms = 60'000;
  Backoff::Random random = Backoff::system_random();
};

struct UplinkStats {
  std::uint64_t sent_frames = 0;  // resends included
  std::uint64_t resent_frames = 0;
  std::uint64_t acked_ticks = 0;
  std::uint64_t stale_acks = 0;         // for nothing that is in flight
  std::uint64_t overtaking_frames = 0;  // fresh ones, sent before a backlog
  std::uint64_t relay_dropped_samples = 0;
  std::int64_t last_ack_boot_ms = 0;
};

class Uplink {
 public:
  // Clock and link must outlive it; the buffer is handed in with each call because the agent may
  // change from a file to RAM and back.
  Uplink(Link& link, BootClock& clock, UplinkOptions options);

  // Before link.start().
  Status subscribe();

  void on_event(const LinkEvent& event, Buffer& buffer, std::int64_t now_ms);
  // Sends what may be sent now.
  void step(Buffer& buffer, std::int64_t now_ms);
  // When step() has something to do even if no event comes; INT64_MAX for never.
  [[nodiscard]] std::int64_t next_step_ms() const;

  // The schema that new ticks use stays published though no stored row may use it.
  void set_current_schema(SchemaId id) { schemas_.set_current(id); }
  // What the buffer refused to do since the last call.
  [[nodiscard]] std::optional<Error> take_buffer_error() {
    return std::exchange(buffer_error_, std::nullopt);
  }
  // The last words of a clean end; the rest is for link.stop().
  void say_goodbye(Buffer& buffer);

  // Collectors that read nothing, for the node's status: told anew when another has trouble or one
  // has no more, in the long run at most every 5 minutes.
  void set_collectors(std::vector<CollectorTrouble> collectors, std::int64_t now_ms);

  void set_witness(Outgoing::Witness witness) { outgoing_.set_witness(std::move(witness)); }
  // The present boot's offset changed since the last call and should be stored.
  [[nodiscard]] bool take_clock_change() { return std::exchange(clock_changed_, false); }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool idle() const { return !flight_; }
  [[nodiscard]] const UplinkStats& stats() const { return stats_; }
  // As of the last step().
  [[nodiscard]] const LinkMeter& meter() const { return meter_; }
  [[nodiscard]] const LinkBudget& budget() const { return budget_; }
  // Counts what the link did until now and stores it. For a clean end.
  void store_meter();

 private:
  struct Flight {
    OutgoingFrame frame;
    SendOrder::Lane lane;
    std::int64_t first_sent_ms = 0;
    std::int64_t sent_ms = 0;
    std::int64_t send_at_ms = 0;  // when to send (again)
    int sends = 0;
    int schema_requests = 0;
    int put_offs = 0;  // retry_after in a row
  };

  void on_connected(Buffer& buffer, std::int64_t now_ms);
  void on_disconnected(const std::string& reason, std::int64_t now_ms);
  void on_relay_state(const Message& message, std::int64_t now_ms);
  void on_ack(std::string_view payload, Buffer& buffer, std::int64_t now_ms);
  void answer_stored(const Ack& ack, Buffer& buffer, std::int64_t now_ms);
  void answer_rejected(const Ack& ack, Buffer& buffer, std::int64_t now_ms);
  // `what` and `why` for people, `reason` for the dead letters.
  void give_up_flight(std::string_view what, std::string_view why, std::string_view reason,
                      Buffer& buffer, std::int64_t now_ms);
  void answer_need_schema(std::int64_t now_ms);
  void answer_retry_after(const Ack& ack, std::int64_t now_ms);
  void learn_frame_size(std::int64_t answered_after_ms);

  void publish_birth(Buffer& buffer);
  [[nodiscard]] NodeStatus status(Buffer& buffer, bool online) const;
  void weigh_budget(std::int64_t now_ms);
  void watch_silence(std::int64_t now_ms);
  // Whether there is a flight now.
  bool make_flight(Buffer& buffer, std::int64_t now_ms);
  Result<SendOrder::Wish> wish(Buffer& buffer, std::int64_t now_ms);
  Status give_up_capped(Buffer& buffer, const SendOrder::Wish& wish);
  void buffer_failed(const Error& error, std::int64_t now_ms);
  void forget_foreign_flight(const Buffer& buffer);
  void send(Buffer& buffer, std::int64_t now_ms);
  void mark_as_history(OutgoingFrame& frame) const;

  Link& link_;
  BootClock& clock_;
  UplinkOptions options_;
  Outgoing outgoing_;
  SchemaPublisher schemas_;
  SendOrder order_;
  LinkMeter meter_;
  LinkBudget budget_;
  Backoff resend_;
  TimeAsker asker_;
  std::uint64_t stream_ = 0;  // that flight_ and order_ are of
  std::optional<Flight> flight_;
  std::optional<Error> buffer_error_;
  std::uint64_t frame_bytes_;       // of rows in one frame, learned from how long answers take
  std::uint64_t remade_until_ = 0;  // last seq of a frame that was too large for the link
  std::int64_t retry_ms_ = 0;       // nothing is sent before
  std::int64_t stepped_ms_ = 0;
  std::int64_t unanswered_since_ms_ = 0;  // while something is: 0 otherwise
  bool told_silence_ = false;
  std::string_view told_clock_;  // the clock's state in the last birth
  std::string told_reason_;      // why there is no connection, as logged last
  LinkBudget::State told_state_ = LinkBudget::State::open;
  bool can_catch_up_ = false;  // what a cap holds back may be sent after what was not
  bool connected_ = false;
  std::int64_t connected_ms_ = 0;
  bool birth_is_due_ = false;
  std::vector<CollectorTrouble> collectors_;
  bool collectors_changed_ = false;  // since they were told
  // When as many tellings as there were are paid for, at one in 5 minutes; 3 may be ahead of that.
  std::int64_t collectors_paid_ms_ = 0;
  bool fresh_connection_ = false;  // nothing was sent on it yet
  bool clock_changed_ = false;
  UplinkStats stats_;
};

}  // namespace godwit
