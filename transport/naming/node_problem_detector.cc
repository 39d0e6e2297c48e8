// Name set `node_problem_detector`: what node-problem-detector (port 20257) says of conditions and
// of how often each reason came. A reason that two types share (GPUHealthy is made of the others)
// counts once.
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

constexpr NameRow rows[] = {
    {"godwit_problem", "", "problem_gauge", "type={type},reason={reason}"},
    {"godwit_problems_total", "type!=GPUHealthy", "problem_counter", "reason={reason}"},
    {"godwit_problems_total", "type=GPUHealthy", "problem_counter", "reason={reason}"},
};

}  // namespace

const NameSet node_problem_detector_names = {.name = "node_problem_detector",
                                             .job = "node-problem-detector",
                                             .only_with = "godwit_problem",
                                             .rows = rows};

}  // namespace godwit
