// Kubernetes' patches as an API server applies them to a Node or an Event, written from the
// documentation of strategic merge: maps merge, null deletes, `conditions` merge by `type` and
// obey $patch, other lists are replaced. Strict about what it is given.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace godwit::test {

// Empty, or why the patch is refused.
std::string apply_strategic_merge(nlohmann::json& object, const nlohmann::json& patch);
void apply_merge(nlohmann::json& object, const nlohmann::json& patch);  // RFC 7386

// Empty, or what is wrong with a Node's metadata and conditions.
std::string check_node(const nlohmann::json& node);

}  // namespace godwit::test
