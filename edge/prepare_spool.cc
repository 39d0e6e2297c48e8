#include "edge/prepare_spool.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr mode_t permission_bits = 07777;
// Of the file of buffer.path as it is by default, and of all that is kept beside it.
constexpr std::string_view own_prefix = "buffer.db";

Error failed(const std::string& path, std::string_view what, int error) {
  return {
      error == EACCES || error == EPERM || error == EROFS ? ErrorCode::permission : ErrorCode::io,
      concat(path, ": cannot ", what, ": ", std::generic_category().message(error))};
}

// `fd` may be one of O_PATH: it names what was looked at, whatever its name means by now.
Status give(int fd, const std::string& path, const SpoolOwner& owner) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return failed(path, "be looked at", errno);
  if (info.st_uid == owner.uid && info.st_gid == owner.gid) return {};
  if (fchownat(fd, "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) {
    return failed(path, concat("be given to ", owner.uid, ":", owner.gid), errno);
  }
  return {};
}

Status give_entry(int folder, const std::string& path, const char* name, const SpoolOwner& owner) {
  const UniqueFd entry(openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (entry.get() < 0) return errno == ENOENT ? Status() : failed(path, "be opened", errno);
  struct stat info {};
  if (fstat(entry.get(), &info) != 0) return failed(path, "be looked at", errno);
  // With a second name it may be anybody's file.
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1) return {};
  return give(entry.get(), path, owner);
}

}  // namespace

Status prepare_spool(const std::string& folder, const SpoolOwner& owner) {
  if (!folder.starts_with('/')) {
    return Error{ErrorCode::invalid, concat(quote_for_message(folder), " is no absolute path")};
  }
  const mode_t folder_mode = owner.is_public ? 0755 : 0750;
  if (mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST) {
    return failed(folder, "be made", errno);
  }
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return failed(folder, "be opened as a folder", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
  if (!entries) {
    const int error = errno;
    close(fd);
    return failed(folder, "be read", error);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread has this stream
  while (const dirent* const entry = readdir(entries.get())) {
    const char* const name = static_cast<const char*>(entry->d_name);
    if (!std::string_view(name).starts_with(own_prefix)) continue;
    if (Status s = give_entry(fd, concat(folder, "/", name), name, owner); !s) return s;
  }
  struct stat info {};
  if (fstat(fd, &info) != 0) return failed(folder, "be looked at", errno);
  // While it is root's, so that CAP_FOWNER is needed only for a folder of somebody else's.
  if ((info.st_mode & permission_bits) != folder_mode && fchmod(fd, folder_mode) != 0) {
    return failed(folder, "get its permissions", errno);
  }
  return give(fd, folder, owner);
}

}  // namespace godwit
