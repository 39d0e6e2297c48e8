// THE table of metrics: every canonical name with its kind, unit and help.
//
// It drives the text exposition, the documentation, the compatibility name sets of the relay and
// the tests. Names of the host follow node_exporter; accelerators and sensors follow the
// OpenTelemetry hw.* conventions in their Prometheus form; godwit_* is for what neither has.
#pragma once

#include <span>
#include <string_view>

#include "transport/metric.h"

namespace godwit {

struct MetricInfo {
  // A `*` stands for one or more characters of a metric name: node_memory_*_bytes.
  std::string_view name;
  Kind kind;
  // Base unit in Prometheus spelling ("seconds", "bytes", "ratio", ...); empty for plain counts.
  std::string_view unit;
  std::string_view help;
};

std::span<const MetricInfo> catalog();

// nullptr when the name is not ours. An exact entry wins over a pattern. Any thread.
const MetricInfo* find_metric(std::string_view name);

// "gauge", "counter", "info", "stateset".
std::string_view kind_name(Kind kind);

}  // namespace godwit
