// WebMemory: the drawn series of the last minutes of every node, for charts that need no database.
// Bounded in bytes: with many nodes it keeps coarser steps, and in the end the node that was silent
// for the longest gives way. Also which stretches were back-filled or thinned. Any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/web_series.h"
#include "transport/frame.h"
#include "transport/json_writer.h"
#include "transport/schema.h"

namespace godwit {

struct WebStretch {
  std::int64_t from_ms = 0, to_ms = 0;
  double step_s = 0;  // of thinned ones: between the readings that were kept
};

// One row per series, one value per time; NaN: a gap.
struct WebHistory {
  std::int64_t step_ms = 0;
  std::vector<std::int64_t> times;
  struct Row {
    std::string id;
    std::vector<double> values;
  };
  std::vector<Row> rows;
  std::vector<WebStretch> backfilled, thinned;
};

// Moments of an answer: whole steps, at most max_web_points.
struct WebRange {
  std::int64_t from_ms = 0, to_ms = 0, step_ms = 0;
};

// The shortest text that reads back as the same float; NaN and infinities are null.
void write_float(JsonWriter& json, double value);

class WebMemory {
 public:
  explicit WebMemory(std::size_t max_bytes, std::int64_t keep_ms = 900'000)
      : max_bytes_(max_bytes), keep_ms_(keep_ms) {}

  // What a frame brought of drawn series, tick by tick, as data of the event `node`; nothing
  // unless `wanted`.
  std::vector<std::string> on_live(std::string_view node, const Schema& schema, const Frame& frame,
                                   bool wanted);
  void on_history(std::string_view node, const Schema& schema, const Frame& frame);
  void forget(std::string_view node);

  // Ids of the series that are drawn; empty: the node is not known.
  [[nodiscard]] std::vector<std::string> ids(std::string_view node) const;
  // Since when it has all that came. nullopt: the node is not known.
  [[nodiscard]] std::optional<std::int64_t> begin_ms(std::string_view node) const;
  // Those of `ids` that it knows; all without ids.
  [[nodiscard]] WebHistory read(std::string_view node, const WebRange& range,
                                std::span<const std::string> ids) const;
  // The stretches alone.
  void add_stretches(std::string_view node, const WebRange& range, WebHistory& out) const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Track {
    std::string id;
    WebView view = WebView::value;
    std::vector<float> values;                               // one per time of the node; NaN: none
    float untold = std::numeric_limits<float>::quiet_NaN();  // read since pages were told last
    double last = 0;                                         // of a counter, the newest sample
    std::int64_t last_ms = std::numeric_limits<std::int64_t>::min();
  };
  struct Node {
    SchemaId schema = 0;
    std::vector<std::uint32_t> slots;  // by column
    std::vector<std::int64_t> times;
    std::vector<Track> tracks;
    std::vector<WebStretch> backfilled, thinned;
    std::int64_t told_ms = 0;  // the newest tick that pages were told
    std::size_t bytes = 0;
  };
  using Nodes = std::map<std::string, Node, std::less<>>;

  static void learn(Node& node, const Schema& schema);
  // The values of one tick, by track.
  static bool read_tick(Node& node, const Frame& frame, std::size_t tick,
                        std::vector<float>& values);
  static std::string tell(Node& node, std::int64_t time_ms);
  void append(Node& node, const Frame& frame, std::vector<std::string>* told);
  void fill_in(Node& node, const Frame& frame);
  void drop_old(Node& node);
  void settle(Node& node);
  void make_room();
  static void halve(Node& node);

  const std::size_t max_bytes_;
  const std::int64_t keep_ms_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  Nodes nodes_;
  std::size_t bytes_ = 0;
  std::int64_t step_ms_ = 1000;  // readings that are nearer to each other share a point
};

}  // namespace godwit
