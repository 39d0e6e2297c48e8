// Taking remote-write bodies apart again (write_request.h makes them): to find what a database
// refuses, and to leave out what it has. The bodies must be ours (assert).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/stored_samples.h"
#include "transport/metric.h"

namespace godwit {

// nullopt when there is nothing left to divide: one time, or one series.
using BodyHalves = std::pair<std::string, std::string>;
std::optional<BodyHalves> halve_by_time(std::string_view body);  // older, newer
std::optional<BodyHalves> halve_by_series(std::string_view body);
std::size_t count_samples(std::string_view body);
// One body per series.
std::vector<std::string> split_series(std::string_view body);

struct BodyExtent {
  Labels labels;  // of the first series
  std::int64_t oldest_ms = INT64_MAX;
  std::int64_t newest_ms = INT64_MIN;
};
BodyExtent measure_body(std::string_view body);
// What is left of the body; empty when all of it is stored.
std::string leave_out(std::string_view body, const StoredSamples& stored);

}  // namespace godwit
