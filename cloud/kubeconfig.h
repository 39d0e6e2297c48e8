// A kubeconfig file, as kubectl's: who to be at which API server. For relays outside of the
// cluster.
#pragma once

#include <string>
#include <string_view>

#include "cloud/kubernetes_client.h"

namespace godwit {

// The current context. Tokens and certificates, as files or in place; no exec plugins. `folder` is
// what relative paths in it are relative to.
Result<KubernetesSettings> parse_kubeconfig(std::string_view text, const std::string& folder);
Result<KubernetesSettings> read_kubeconfig(const std::string& path);

}  // namespace godwit
