// ProblemReport: what a node says of the problems of its accelerators, taken from a live frame: the
// godwit_problem series of edge/HEALTH.md. Used for the conditions of its Node object.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit {

struct Problem {
  std::string type;    // of problem_types()
  std::string status;  // "True": the problem is there; "False", "Unknown"
  std::string reason;
  std::string message;
  std::int64_t since_ms = 0;  // when the status became that; 0: the node cannot tell

  bool operator==(const Problem&) const = default;
};

struct ProblemReport {
  std::int64_t time_ms = 0;
  std::vector<Problem> problems;  // by type

  bool operator==(const ProblemReport&) const = default;
};

// The types that nodes may speak of. A node has no say in others: it must not be able to make
// itself Ready.
struct ProblemType {
  std::string_view type;
  std::string_view absent;  // what to tell people while it is not there
};
std::span<const ProblemType> problem_types();

// The last one in the frame. nullopt: it has none.
std::optional<ProblemReport> read_problems(const Schema& schema, const Frame& frame);

}  // namespace godwit
