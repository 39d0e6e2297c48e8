// ForeignSeries: keeps series that are not ours (scrape, textfile) within bounds, and tells when
// one has ended. One per collector; one thread.
//
// A series ends when a reading does not have it that the one before had: it then gets Prometheus'
// staleness marker, once, so that queries do not go on showing its last value for five minutes.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/collector.h"
#include "transport/exposition_parser.h"

namespace godwit {

class ForeignSeries {
 public:
  // Series within an hour; one more is counted as dropped. The schema and the database remember for
  // long what was there once, so an exporter that makes up new series must not be let.
  explicit ForeignSeries(std::size_t max_series) : max_series_(max_series) {}

  // A reading: begin, parts (gather, then keep or drop what was gathered), finish.
  void begin(std::int64_t now_ms);
  void gather(ExposedSample&& sample);
  void keep_part();
  void drop_part() { part_.clear(); }
  // Adds the samples that were kept, and the ends of series. Returns how many were kept.
  std::size_t finish(Batch& out);

  // Samples since the start, by reason: over max_series, series beyond the limits of schema.h,
  // twice in one reading.
  struct Dropped {
    std::uint64_t max_series = 0, invalid = 0, same_series = 0;
  };
  [[nodiscard]] const Dropped& dropped() const { return dropped_; }

 private:
  struct Known {
    std::int64_t seen_ms = 0;
    std::uint64_t reading = 0;  // the last one that had it
  };
  // SeriesHash leaves the kind out: a database knows none.
  using Id = std::size_t;

  const std::size_t max_series_;
  std::uint64_t reading_ = 0;
  std::int64_t now_ms_ = 0;
  std::unordered_map<Id, Known> known_;
  std::vector<Series> last_;  // of the reading before
  std::vector<Sample> part_, kept_;
  Dropped dropped_;
};

}  // namespace godwit
