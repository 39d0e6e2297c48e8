// Secrets (passwords, tokens, keys) lie in files, as Kubernetes mounts them, and are read anew at
// each use, so that a rotated one takes effect.
#pragma once

#include <string>

#include "transport/result.h"

namespace godwit {

// Without blanks and line ends around it; at most 8191 bytes.
Result<std::string> read_secret_file(const std::string& path);

}  // namespace godwit
