// Shell completion for godwit, godwit-agent and godwit-relay.
#pragma once

#include <string_view>

namespace godwit {

// For bash to source. It asks the programs for their --help, which CLI11 makes from the very table
// that it parses by: no list that could go stale, and nothing that the agent must carry.
std::string_view bash_completion();

}  // namespace godwit
