// Health: the state of every accelerator and the problems of the node, judged from the readings.
//
// One state machine feeds hw_status, the godwit_problem series from which the relay makes node
// conditions, the node-problem-detector's external monitor and its custom plugin. Types, reasons,
// thresholds and series: HEALTH.md. Any thread may call; the agent's thread feeds it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/accelerators.h"
#include "edge/judge.h"
#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

// A moment of this boot, and the wall time then, if it is known.
struct HealthTime {
  std::int64_t boot_ms = 0;
  std::optional<std::int64_t> wall_ms;
};

class Health {
 public:
  explicit Health(HealthSettings settings);

  // The result of a collector's run. Takes the hw_status of accelerators out of `batch`.
  void observe(std::string_view collector, const Status& status, Batch& batch,
               const HealthTime& now);

  // hw_status and the problem series: every 10 s, and at once when anything changed; else nothing.
  // Empty on a node without accelerators.
  Batch take_series(const HealthTime& now);

  // The settings' own.
  [[nodiscard]] const HealthThresholds& thresholds() const { return settings_.thresholds; }
  // Problems in a fixed order; only types that apply to this node.
  [[nodiscard]] std::vector<Condition> conditions(const HealthTime& now);
  // As above, by other thresholds, which are judged from now on. At most 4 sets besides the
  // settings' own are kept; the oldest goes.
  [[nodiscard]] std::vector<Condition> conditions(const HealthThresholds& thresholds,
                                                  const HealthTime& now);

  // What a later process needs to keep the times of the present conditions: text of a file.
  [[nodiscard]] std::string record() const;
  // Before anything is observed. Text that is no record is ignored.
  void restore(std::string_view record);

 private:
  void judge(const HealthTime& now);
  void count_problems();
  void add_problems(Batch& out) const;

  const HealthSettings settings_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  Accelerators accelerators_;
  EarlierConditions earlier_;
  std::vector<Judge> judges_;  // the first one by the settings
  std::int64_t shown_ms_ = -1;
  std::vector<Condition> shown_;
  std::vector<std::string_view> shown_states_;
  // How often each came since the start, by type and reason; as many as judge.h knows.
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> came_;
};

}  // namespace godwit
