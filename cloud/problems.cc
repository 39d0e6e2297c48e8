#include "cloud/problems.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace godwit {
namespace {

constexpr std::array types = {
    ProblemType{"GPUClockThrottling", "GPU clocks are not held down"},
    ProblemType{"GPUHealthy", "GPU is healthy"},  // its sense is inverted: True is a problem
    ProblemType{"GPUHung", "GPU is not hung"},
    ProblemType{"GPUMemoryPressure", "GPU has sufficient memory"},
    ProblemType{"GPUMissing", "all GPUs are present"},
    ProblemType{"GPUTemperatureHigh", "GPU temperature is normal"},
    ProblemType{"NPUUnhealthy", "NPU is healthy"},
    ProblemType{"XIDErrors", "no Xid errors"},
};
constexpr std::size_t max_reason_bytes = 64;
constexpr std::size_t max_message_bytes = 1024;
constexpr double max_seconds = 1e11;

std::string_view label_of(const Series& series, std::string_view name) {
  for (const auto& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

const ProblemType* find_type(std::string_view type) {
  const auto found = std::find_if(types.begin(), types.end(),
                                  [&](const ProblemType& known) { return known.type == type; });
  return found == types.end() ? nullptr : &*found;
}

// As Kubernetes wants it: a word in CamelCase.
std::string clean_reason(std::string_view text) {
  std::string reason;
  for (const char c : text.substr(0, max_reason_bytes)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (!reason.empty() && c >= '0' && c <= '9')) reason += c;
  }
  return reason.empty() ? "Unknown" : reason;
}

bool is_problem_series(const Series& series) {
  return series.name == "godwit_problem" || series.name == "godwit_problem_info" ||
         series.name == "godwit_problem_transition_timestamp_seconds";
}

void add(const Series& series, double value, const ProblemType& type, Problem& problem) {
  if (series.name == "godwit_problem_transition_timestamp_seconds") {
    if (value > 0 && value < max_seconds) problem.since_ms = std::llround(value * 1000);
    return;
  }
  problem.type = type.type;
  problem.reason = clean_reason(label_of(series, "reason"));
  if (series.name == "godwit_problem") {
    problem.status = value == 1 ? "True" : "False";
    if (problem.message.empty()) problem.message = type.absent;
  } else {
    problem.message = label_of(series, "message").substr(0, max_message_bytes);
  }
}

}  // namespace

std::span<const ProblemType> problem_types() { return types; }

std::optional<ProblemReport> read_problems(const Schema& schema, const Frame& frame) {
  const std::size_t width = std::min(schema.series.size(), frame.columns.size());
  std::size_t ticks = 0;  // up to the last one that tells problems
  for (std::size_t c = 0; c < width; ++c) {
    if (!is_problem_series(schema.series[c])) continue;
    const auto& column = frame.columns[c];
    for (std::size_t t = column.size(); t > ticks; --t) {
      if (!is_absent(column[t - 1])) ticks = t;
    }
  }
  if (ticks == 0) return std::nullopt;
  std::map<std::string_view, Problem> problems;
  for (std::size_t c = 0; c < width; ++c) {
    const Series& series = schema.series[c];
    if (!is_problem_series(series) || is_absent(frame.columns[c][ticks - 1])) continue;
    const ProblemType* type = find_type(label_of(series, "type"));
    if (type != nullptr) add(series, frame.columns[c][ticks - 1], *type, problems[type->type]);
  }
  ProblemReport report{frame.times_ms[ticks - 1], {}};
  for (auto& [type, problem] : problems) {
    if (problem.type.empty()) continue;  // its time alone
    if (problem.status.empty()) problem.status = "Unknown";
    report.problems.push_back(std::move(problem));
  }
  return report;
}

}  // namespace godwit
