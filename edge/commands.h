// What godwit-agent does besides running: once, spool, parse. Each writes its answer to `out` and
// returns the exit code. CLI11 stays in main.cc.
#pragma once

#include <ostream>
#include <string>

#include "edge/agent_settings.h"
#include "edge/once_table.h"

namespace godwit {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_config = 78;  // EX_CONFIG

enum class OnceFormat : std::uint8_t { table, prom, json };

// Reads every enabled collector (or the one named) once, slow ones side by side, and prints every
// reading. For a collector that gave none: one line that says why and what to do. Succeeds when
// any reading came.
int once_command(const AgentSettings& settings, OnceFormat format, const std::string& collector,
                 std::ostream& out, std::ostream& errors, TableStyle style = {});

// What the buffer at `path` holds; may be in use by a running agent.
struct SpoolRequest {
  std::string path;
  std::uint64_t max_bytes = 0;  // its bound
  bool json = false;
};
int spool_command(const SpoolRequest& request, std::ostream& out, std::ostream& errors);

// Prints what godwit-agent understands of a captured output, as JSON: `kind` "npu-smi" for the text
// of npu-smi, "jtop" for a pickled reply of the jtop service.
int parse_command(const std::string& kind, const std::string& file, std::ostream& out,
                  std::ostream& errors);

}  // namespace godwit
