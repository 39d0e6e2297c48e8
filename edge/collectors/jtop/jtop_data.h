// What the jtop service's dictionaries mean. Shapes by version of jetson_stats, told by what is in
// the data and never by a version number:
//   era C, 4.2.0 and later: `mem`, lists of cores, kHz;
//   era B, 4.0 and 4.1: cores under 1, 2, ...; era A, 3.x: cores under "CPU1", "CPU2", ...
// Any key may be missing or None in any version; what is not known has no reading.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "edge/collectors/jetson_readings.h"
#include "edge/collectors/jtop/pickle.h"

namespace godwit {

struct JtopInit {
  std::string version;                       // empty before 4.1
  std::optional<double> interval_s;          // at which the service collects
  std::map<std::string, std::string> board;  // without the serial number
};

JtopInit parse_jtop_init(PickleValue init);
JetsonReadings parse_jtop_data(PickleValue data);

// The two halves of parse_jtop_data.
JetsonReadings parse_jtop_modern(PickleValue data);
JetsonReadings parse_jtop_legacy(PickleValue data);

// Shared by both halves. Times `factor`, when it is a number.
MaybeNumber scaled(PickleValue value, double factor);
// A share of a hundred as 0-1.
MaybeNumber percent(PickleValue value);
// Foreign text as a label value: valid UTF-8 without control characters, at most 128 bytes.
std::string label_text(PickleValue value);
// Clock of a GPU in kHz; NVML gives MHz, and no GPU runs below 10 MHz.
MaybeNumber gpu_hertz(PickleValue value);
// More items than any board has are not looked at.
std::size_t bounded(std::size_t count);
// One entry per pid: some services list a process once for each of its contexts.
void add_process(std::vector<JetsonProcess>& processes, JetsonProcess process);

}  // namespace godwit
