// Numbers as people read them: 23.5 GiB, 3h20m, 45.5 °C, 87 %. For terminals and pages; programs
// get base units.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace godwit {

std::string human_bytes(double bytes);
// Two parts at most: "4s", "12m", "3h20m", "5d3h". Below a second: "0s"; negative: as 0.
std::string human_duration(std::int64_t ms);
// A value of a metric, in the unit that the catalog gives it.
std::string human_value(std::string_view metric, double value);

}  // namespace godwit
