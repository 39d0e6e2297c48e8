// replace_file: a small file whose reader always finds the old text or the new one.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "transport/result.h"

namespace godwit {

// By way of `made`, in the same folder as `path`. Not synced: a power cut leaves the old file, the
// new one or, at worst, an empty one. The Error names the path.
Status replace_file(const std::string& path, const std::string& made, std::string_view text,
                    mode_t mode);

}  // namespace godwit
