// LinkMeter: how many bytes went over the link today and this month, both ways, at IP level as the
// kernel counts them (transport/tcp_usage.h). Days are UTC, by the resolved wall time; a month
// begins on the billing day. Owner thread only.
//
// Bytes of a time without a known clock belong to the first period that is known afterwards. The
// last periods are kept, so that a clock that steps away and comes back goes on where it was.
//
// It lies in a file of its own (512 bytes, written in place), beside the buffer, so that it
// outlives a damaged one. A kill costs at most half of what this life of the agent has counted, or
// 1/256 of the month's, and never more than `max_unsaved_bytes`; a clean end costs nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transport/link.h"
#include "transport/result.h"

namespace godwit {

struct LinkUsage {
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;

  [[nodiscard]] std::uint64_t total() const { return sent_bytes + received_bytes; }
};

// The day or month that a moment belongs to, as milliseconds since 1970 UTC: [begin, end).
struct LinkPeriod {
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
};
LinkPeriod day_of(std::int64_t wall_ms);
// `billing_day` 1 to 28.
LinkPeriod month_of(std::int64_t wall_ms, int billing_day);

// Beside the buffer.
std::string link_meter_path(const std::string& buffer_path);

class LinkMeter {
 public:
  // `path` "": not kept over a restart. A file that cannot be read or is damaged is told in the log
  // and begun anew.
  LinkMeter(std::string path, int billing_day, std::uint64_t max_unsaved_bytes);
  // For looking at the meter of a running agent.
  static Result<LinkMeter> read(const std::string& path);

  // Adds what `stats` has more than at the last call; they count from 0 in each process.
  void count(const LinkStats& stats, std::optional<std::int64_t> wall_ms);
  Status save();

  // Zeros for a period in which nothing was counted. Undated bytes are in none.
  [[nodiscard]] LinkUsage day(std::int64_t wall_ms) const;
  [[nodiscard]] LinkUsage month(std::int64_t wall_ms) const;
  // Of the month that was counted last, whichever that is.
  [[nodiscard]] const LinkUsage& latest_month() const { return months_.front().usage; }
  [[nodiscard]] const LinkUsage& undated() const { return undated_; }

 private:
  struct Entry {
    std::int64_t begin_ms = 0;  // of the period; 0: unused
    LinkUsage usage;
  };
  // The period counted last is the first.
  using Periods = std::array<Entry, 4>;

  static void add(Periods& periods, std::int64_t begin_ms, const LinkUsage& more);
  static LinkUsage find(const Periods& periods, std::int64_t begin_ms);
  [[nodiscard]] std::string text() const;
  bool parse(std::string_view text);

  std::string path_;
  int billing_day_;
  std::uint64_t max_unsaved_bytes_;
  Periods days_;
  Periods months_;
  LinkUsage undated_;
  LinkUsage seen_;  // of the link's own counters
  std::uint64_t unsaved_ = 0;
  bool told_failure_ = false;
};

}  // namespace godwit
