// Relay: takes frames from a Link, has them written, and answers `stored` only after the database's
// 2xx. It holds nothing that is not held by the nodes too: a relay that dies loses nothing.
//
// One owner thread calls start(), step() and stop(); the link's and the senders' threads only reach
// the inbox. report() may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/admission.h"
#include "cloud/database_probe.h"
#include "cloud/fleet.h"
#include "cloud/ingest.h"
#include "cloud/relay_inbox.h"
#include "cloud/relay_metrics.h"
#include "cloud/relay_settings.h"
#include "cloud/remote_write.h"
#include "cloud/up_series.h"
#include "cloud/write_queue.h"
#include "transport/ack.h"
#include "transport/clock.h"
#include "transport/link.h"

namespace godwit {

class Relay {
 public:
  // `link` is not started yet. `posts`: one per connection to the database; they watch `cancel`.
  // Everything that is referred to outlives the relay.
  // `query` may be empty: then the database is asked nothing.
  Relay(const RelaySettings& settings, Link& link, std::vector<HttpPost> posts, HttpGet query,
        std::atomic<bool>& cancel, Clock clock);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { link_.stop(0); }

  // Before start(); called on the owner thread. on_live, on_history: Ingest's. on_presence: a
  // node's agent was born or died; nullptr: the node is no more, or there is no room for it.
  // `retained`: it was so before this relay came.
  using PresenceObserver =
      std::function<void(std::string_view node, const NodePresence* presence, bool retained)>;
  void observe(Ingest::LiveObserver on_live, Ingest::LiveObserver on_history,
               PresenceObserver on_presence) {
    ingest_.on_live(std::move(on_live));
    ingest_.on_history(std::move(on_history));
    on_presence_ = std::move(on_presence);
  }

  Status start();
  // One round: waits up to `max_wait_ms` for something to happen, and does all that is due.
  void step(std::int64_t max_wait_ms);
  // Takes no more frames, lets running and waiting writes end for up to `grace_ms`, answers them
  // and disconnects.
  void stop(std::int64_t grace_ms);
  // Ends a step() that waits. Any thread; not from a signal handler.
  void wake() { inbox_.wake(); }

  // As of the last step that refreshed it (every second).
  struct Report {
    std::string metrics;
    bool connected = false;
    bool database_ok = true;  // nothing failed since the last 2xx, or that was a short while ago
  };
  [[nodiscard]] Report report() const;

 private:
  void on_event(LinkEvent&& event);
  void on_message(Message&& message);
  void on_frame(std::string_view node, const Message& message);
  void on_schema(std::string_view node, std::string_view hash, const Message& message);
  void on_status(std::string_view node, const Message& message);
  void accept(Arrival&& arrival);
  void on_outcome(UnitOutcome&& outcome);
  void finish(const Arrival& arrival, const UnitOutcome& outcome);
  void watch_database();
  void learn(const Result<DatabaseTraits>& traits);
  [[nodiscard]] bool out_of_order_ok() const;

  void answer(std::string_view node, Ack ack);
  void put_off(std::string_view node, std::uint64_t stream, std::uint64_t seq, std::int64_t ms);
  // Counts, and logs at most one line in ten seconds.
  void ignore(const char* reason, std::string_view topic, const std::string& detail);
  void publish_state();
  void tell_presence(std::string_view node, bool retained);
  void write_up();
  void refresh_report();
  [[nodiscard]] std::int64_t trusted_wall_ms() const;

  const RelaySettings& settings_;
  Link& link_;
  Clock clock_;
  RelayInbox inbox_;
  RemoteWrite writer_;
  Ingest ingest_;
  WriteQueue queue_;
  Admission admission_;
  Fleet fleet_;
  UpSeries up_;
  PresenceObserver on_presence_;
  RelayCounters counters_;
  DatabaseTraits traits_;          // as learned last
  bool traits_are_fresh_ = false;  // learned since the last request that failed
  bool traits_are_told_ = false;
  std::uint64_t failures_seen_ = 0;
  bool draining_ = false;
  bool connected_ = false;
  std::string told_reason_;         // why there is no connection, as logged last
  std::int64_t state_sent_ms_ = 0;  // steady_ms(), as the next three
  std::int64_t next_state_ms_ = 0;
  std::int64_t next_report_ms_ = 0;
  std::int64_t next_log_ms_ = 0;
  std::uint64_t unlogged_ = 0;  // ignored messages since the last line

  mutable std::mutex report_mutex_;
  Report report_;  // guarded by report_mutex_

  std::unique_ptr<DatabaseProbe> probe_;  // ends first: it reaches the inbox
};

}  // namespace godwit
