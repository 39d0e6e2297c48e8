// `godwit-agent doctor`: tries everything that this node has to give to the agent, and says for
// each thing that is wrong what to do about it. Changes nothing but a file of its own in the
// buffer's folder, for a moment.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "edge/agent_settings.h"
#include "transport/clock.h"

namespace godwit {

struct Finding {
  enum class Verdict : std::uint8_t {
    good,
    missing,  // not here, which is no fault
    doubtful,
    bad,
  };
  std::string what;
  Verdict verdict = Verdict::good;
  std::string detail;
  std::string remedy;  // one line; for doubtful and bad
};

struct DoctorOptions {
  Clock clock = system_clock();
  std::int64_t link_patience_ms = 10'000;
};

// Blocks for the collectors' deadlines and the link's patience.
std::vector<Finding> examine(const AgentSettings& settings, const DoctorOptions& options);

// 0 when nothing is bad.
int doctor_command(const AgentSettings& settings, bool as_json, std::ostream& out);

}  // namespace godwit
