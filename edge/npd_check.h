// `godwit-agent npd-check`: one condition as a custom plugin of node-problem-detector wants it:
// exit code 0, 1 or 2 and one line of at most 80 bytes. Also what the running agent answers at
// /conditions, from where that line comes.
#pragma once

#include <ostream>
#include <string>

#include "edge/agent_settings.h"
#include "edge/health.h"
#include "transport/clock.h"
#include "transport/http_server.h"

namespace godwit {

// /conditions: all, as JSON in the form of node-problem-detector's own /conditions.
// /conditions/TYPE: "True GPUHung GPU 0: its driver does not answer"; without TYPE the worst of
// all.
HttpResponse answer_conditions(const std::string& path, Health& health, const TimePoint& now);

// `type` empty: the worst of all. Asks the agent at http.listen, else reads the accelerators once.
// Returns 0 no problem, 1 problem, 2 unknown or not applicable.
int npd_check_command(const AgentSettings& settings, const std::string& type, std::ostream& out);

}  // namespace godwit
