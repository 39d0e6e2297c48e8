// Reads collectors once, each within its deadline: what `once` prints and `doctor` judges.
#pragma once

#include <string>
#include <vector>

#include "edge/agent_settings.h"
#include "edge/host.h"
#include "transport/metric.h"

namespace godwit {

struct Reading {
  std::string name;            // collector_name()
  std::string_view collector;  // in the settings
  std::vector<Sample> samples;
  Status status;
  double seconds = 0;
};

// In the order given, slow ones side by side. A collector that hangs leaves a thread behind.
std::vector<Reading> read_all(const std::vector<const AgentSettings::Choice*>& choices,
                              const Host& host);

}  // namespace godwit
