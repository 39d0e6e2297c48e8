#include "edge/replace_file.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

Error failed(const std::string& path) {
  return {errno == EACCES || errno == EROFS ? ErrorCode::permission : ErrorCode::io,
          concat(path, ": ", std::generic_category().message(errno))};
}

}  // namespace

Status replace_file(const std::string& path, const std::string& made, std::string_view text,
                    mode_t mode) {
  {
    const UniqueFd fd(open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (fd.get() < 0) return failed(made);
    const ssize_t written = write(fd.get(), text.data(), text.size());
    if (written < 0) return failed(made);
    if (written != static_cast<ssize_t>(text.size())) {
      return Error{ErrorCode::full, concat(made, ": no room for ", text.size(), " bytes")};
    }
  }
  if (std::rename(made.c_str(), path.c_str()) != 0) return failed(path);
  return {};
}

}  // namespace godwit
