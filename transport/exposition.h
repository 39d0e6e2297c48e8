// Samples as Prometheus text format 0.0.4, for /metrics and `once --format prom`.
#pragma once

#include <span>
#include <string>

#include "transport/metric.h"

namespace godwit {

inline constexpr std::string_view exposition_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

// Grouped by metric name and sorted; HELP and TYPE from the catalog (stateset and info as gauge).
std::string expose(std::span<const Sample> samples);

}  // namespace godwit
