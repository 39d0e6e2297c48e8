// LinkBudget: what the caps of the link leave for readings. Arithmetic only, no clock of its own;
// Uplink asks it before each frame. Presence (keepalives, status, acks) is never held back: a
// twentieth of each cap is left to it.
//
// A cap is used up evenly: when what is left of it does not last to the end of its period at the
// rate that fresh readings need, the state is `thinned` and frames are paced to what it does last
// for. When nothing is left the state is `held`. Costs of a frame: its bytes and 400 for topics,
// confirmations, the ack, TLS and TCP/IP; the meter then counts what it really was.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "edge/link_meter.h"
#include "edge/link_settings.h"

namespace godwit {

class LinkBudget {
 public:
  enum class State : std::uint8_t { open, thinned, held };

  LinkBudget(const LinkLimits& limits, std::int64_t flush_interval_ms)
      : limits_(limits), flush_interval_ms_(flush_interval_ms) {}

  // Before each decision. `wall_ms` nullopt: the caps stay as they were last. `even`: thin rather
  // than use a cap up early.
  void update(const LinkMeter& meter, const LinkStats& stats, std::optional<std::int64_t> wall_ms,
              std::int64_t now_ms, bool even);
  // A frame went out. `rows` of fresh readings, 0 for backlog and repeats.
  void sent(std::uint64_t payload_bytes, std::uint64_t rows, std::int64_t now_ms);

  [[nodiscard]] State state() const { return state_; }
  // When the next frame of readings may go; INT64_MAX while held.
  [[nodiscard]] std::int64_t next_frame_ms() const;
  // More is left than fresh readings need.
  [[nodiscard]] bool has_surplus() const { return surplus_; }
  // Bounds the stored bytes of rows that are merged into one frame.
  [[nodiscard]] std::uint64_t max_frame_bytes() const;
  // While thinned: of how many rows one can be sent.
  [[nodiscard]] std::uint64_t rows_per_sent() const;
  // When the tightest cap renews, wall time; 0 without caps.
  [[nodiscard]] std::int64_t renews_ms() const { return renews_ms_; }

 private:
  void weigh(std::uint64_t cap, const LinkUsage& used, const LinkPeriod& period,
             std::int64_t wall_ms);
  void refill(const LinkStats& stats, std::int64_t now_ms);
  // Bytes per second that fresh readings and presence need.
  [[nodiscard]] double needed_rate() const;

  LinkLimits limits_;
  std::int64_t flush_interval_ms_;
  State state_ = State::open;
  bool surplus_ = true;
  double row_cost_ = 0;      // of one row of fresh readings, smoothed; 0: not known yet
  double left_ = 0;          // bytes of the tightest cap
  double allowed_rate_ = 0;  // bytes per second that it lasts for
  std::int64_t renews_ms_ = 0;
  std::int64_t paced_until_ms_ = 0;
  // Token bucket of max_rate.
  double tokens_ = 0;
  std::int64_t refilled_ms_ = 0;
  std::int64_t tokens_back_ms_ = 0;  // when tokens_ is above 0 again
  std::uint64_t seen_bytes_ = 0;
};

std::string_view state_name(LinkBudget::State state);

}  // namespace godwit
