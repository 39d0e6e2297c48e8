// Uplink: carries the buffer's rows to the relay, one frame in flight, and lets go of them when the
// relay says that they are in the database. No thread, never blocks: the owner hands it the link's
// events and calls step() when next_step_ms() says so. Times are CLOCK_BOOTTIME milliseconds.
//
// The same bytes under the same seq are sent again after a timeout that grows with jitter. Schema
// messages are published, retained, before the first frame of a connection that uses them, and
// cleared when no stored frame needs them any more.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "edge/link_meter.h"
#include "edge/link_settings.h"
#include "edge/outgoing.h"
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
  std::uint64_t stale_acks = 0;  // for nothing that is in flight
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
  void set_current_schema(SchemaId id) { current_schema_ = id; }
  // What the buffer refused to do since the last call.
  [[nodiscard]] std::optional<Error> take_buffer_error() {
    return std::exchange(buffer_error_, std::nullopt);
  }
  // The last words of a clean end; the rest is for link.stop().
  void say_goodbye(Buffer& buffer);

  void set_witness(Outgoing::Witness witness) { outgoing_.set_witness(std::move(witness)); }
  // The present boot's offset changed since the last call and should be stored.
  [[nodiscard]] bool take_clock_change() { return std::exchange(clock_changed_, false); }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool idle() const { return !flight_; }
  [[nodiscard]] const UplinkStats& stats() const { return stats_; }
  // As of the last step().
  [[nodiscard]] const LinkMeter& meter() const { return meter_; }
  // Counts what the link did until now and stores it. For a clean end.
  void store_meter();

 private:
  struct Flight {
    OutgoingFrame frame;
    std::uint64_t stream = 0;
    std::int64_t first_sent_ms = 0;
    std::int64_t sent_ms = 0;
    std::int64_t send_at_ms = 0;  // when to send (again)
    int sends = 0;
    int schema_requests = 0;
  };

  void on_ack(std::string_view payload, Buffer& buffer, std::int64_t now_ms);
  void answer_stored(const Ack& ack, Buffer& buffer, std::int64_t now_ms);
  void answer_need_schema(std::int64_t now_ms);
  void buffer_failed(Error error);
  void forget_foreign_flight(const Buffer& buffer);
  void publish_birth(Buffer& buffer);
  // false: the link has no room or is gone; try later.
  bool publish_schemas(Buffer& buffer, SchemaId id);
  void send(Buffer& buffer, std::int64_t now_ms);
  void mark_as_history(OutgoingFrame& frame) const;
  void clear_schemas(Buffer& buffer, std::int64_t now_ms);

  Link& link_;
  BootClock& clock_;
  UplinkOptions options_;
  Outgoing outgoing_;
  LinkMeter meter_;
  Backoff resend_;
  TimeAsker asker_;
  std::optional<Flight> flight_;
  std::optional<Error> buffer_error_;
  std::set<SchemaId> announced_;  // on this connection
  std::optional<SchemaId> current_schema_;
  std::int64_t retry_ms_ = 0;  // nothing is sent before
  std::int64_t next_clear_ms_ = 0;
  std::int64_t stepped_ms_ = 0;
  std::string_view told_clock_;  // the clock's state in the last birth
  std::string told_reason_;      // why there is no connection, as logged last
  bool connected_ = false;
  bool birth_is_due_ = false;
  bool fresh_connection_ = false;  // nothing was sent on it yet
  bool clock_changed_ = false;
  UplinkStats stats_;
};

}  // namespace godwit
