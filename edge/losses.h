// Losses: ticks that will never be delivered, and who is told when that is decided.
//
// Reasons: "thinned" (left out of older frames when room was needed), "full" and "age" (dropped at
// buffer.max_bytes and buffer.max_age), "capped" (given up over a cap of the link, where
// link.over_cap is thin), "no_buffer" (neither file nor RAM took them), "undatable", "unreadable"
// and "no_schema" (dead letters of the agent: nobody could tell their series), "too_large" for the
// way to the relay (dead letters too), and whatever a relay gives when it refuses a frame.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace godwit {

struct LossCount {
  std::uint64_t ticks = 0;
  std::uint64_t samples = 0;
};

// Called on the owner thread before the loss is written. A crash or a failed write in between
// leaves the ticks where they were: they are delivered, or lost again later.
using LossWitness = std::function<void(std::uint64_t stream, std::string_view reason,
                                       const std::vector<std::uint64_t>& seqs)>;

}  // namespace godwit
