#include "disk_shim.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// No allocation and no iostreams: calls arrive before main() and from any thread.
namespace {

using Path = std::array<char, 4096>;

enum Call : unsigned {
  call_open = 1U << 0,
  call_write = 1U << 1,
  call_sync = 1U << 2,
  call_truncate = 1U << 3,
  call_reserve = 1U << 4,
  call_map = 1U << 5,
  call_rename = 1U << 6,
  call_unlink = 1U << 7,
  call_read = 1U << 8,
  call_any = call_read - 1,
};

constexpr int short_count = -1;  // in place of an errno

struct State {
  Path folder{};
  Path shadow{};
  Path control{};
  std::mutex mutex;  // of the fault and the control file's stamp
  unsigned calls = call_any;
  std::uint64_t nth = 0;  // 0: no fault
  int error = 0;
  bool always = false;
  std::uint64_t counted = 0;
  std::uint64_t failed = 0;
  struct stat control_stamp {};
};

template <typename F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}
// The real function of the same name and type.
#define REAL(name) (next<decltype(&name)>(#name))

void copy_text(Path& to, const char* from) {
  if (from == nullptr) from = "";
  std::snprintf(to.data(), to.size(), "%s", from);
  for (std::size_t end = std::strlen(to.data()); end > 1 && to[end - 1] == '/';) to[--end] = '\0';
}

unsigned calls_named(const char* name, std::size_t size) {
  struct Named {
    const char* name;
    unsigned calls;
  };
  constexpr std::array<Named, 10> names{{{"open", call_open},
                                         {"write", call_write},
                                         {"sync", call_sync},
                                         {"truncate", call_truncate},
                                         {"reserve", call_reserve},
                                         {"map", call_map},
                                         {"rename", call_rename},
                                         {"unlink", call_unlink},
                                         {"read", call_read},
                                         {"any", call_any}}};
  for (const auto& known : names) {
    if (std::strlen(known.name) == size && std::strncmp(known.name, name, size) == 0) {
      return known.calls;
    }
  }
  return 0;
}

int error_named(const char* name) {
  struct Named {
    const char* name;
    int error;
  };
  constexpr std::array<Named, 6> names{{{"EIO", EIO},
                                        {"ENOSPC", ENOSPC},
                                        {"EROFS", EROFS},
                                        {"EACCES", EACCES},
                                        {"EDQUOT", EDQUOT},
                                        {"short", short_count}}};
  for (const auto& known : names) {
    if (std::strcmp(known.name, name) == 0) return known.error;
  }
  return 0;
}

// The caller holds the mutex.
bool set_fault(State& state, const char* text) {
  state.calls = call_any;
  state.nth = state.counted = state.failed = 0;
  std::array<char, 64> calls{};
  std::array<char, 16> error{};
  std::array<char, 16> how{};
  unsigned long long nth = 0;
  const int fields = text == nullptr ? 0
                                     : std::sscanf(text, "%63s %llu %15s %15s", calls.data(), &nth,
                                                   error.data(), how.data());
  if (fields <= 0) return true;
  unsigned mask = 0;
  for (const char* at = calls.data();;) {
    const std::size_t size = std::strcspn(at, "+");
    const unsigned named = calls_named(at, size);
    if (named == 0) return false;
    mask |= named;
    if (at[size] == '\0') break;
    at += size + 1;
  }
  const int number = error_named(error.data());
  const bool always = std::strcmp(how.data(), "always") == 0;
  if (fields < 3 || number == 0 ||
      (fields == 4 && !always && std::strcmp(how.data(), "once") != 0)) {
    return false;
  }
  state.calls = mask;
  state.nth = nth;
  state.error = number;
  state.always = always;
  return true;
}

State& state() {
  // Never destroyed: calls go on while the program ends.
  static State* const the_state = [] {
    static std::array<unsigned char, sizeof(State)> room alignas(State){};
    auto* const made = new (room.data()) State;
    copy_text(made->folder, std::getenv("DISK_SHIM_FOLDER"));
    copy_text(made->shadow, std::getenv("DISK_SHIM_SHADOW"));
    copy_text(made->control, std::getenv("DISK_SHIM_CONTROL"));
    if (!set_fault(*made, std::getenv("DISK_SHIM_FAULT"))) {
      constexpr std::string_view complaint = "disk_shim: DISK_SHIM_FAULT is not understood\n";
      (void)!REAL(write)(2, complaint.data(), complaint.size());
      _exit(99);
    }
    return made;
  }();
  return *the_state;
}

// The caller holds the mutex.
void reread_control(State& state) {
  if (state.control[0] == '\0') return;
  struct stat now {};
  if (stat(state.control.data(), &now) != 0) now = {};
  const auto& old = state.control_stamp;
  if (now.st_ino == old.st_ino && now.st_mtim.tv_sec == old.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == old.st_mtim.tv_nsec && now.st_size == old.st_size) {
    return;
  }
  state.control_stamp = now;
  std::array<char, 128> text{};
  const int fd = REAL(open)(state.control.data(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    (void)!REAL(read)(fd, text.data(), text.size() - 1);
    close(fd);
  }
  (void)set_fault(state, text.data());
}

// Behind the folder's name when `path` lies in it: "/a/b" of "<folder>/a/b".
const char* inside(const char* path) {
  const char* const folder = state().folder.data();
  const std::size_t size = std::strlen(folder);
  if (size == 0 || path == nullptr || std::strncmp(path, folder, size) != 0) return nullptr;
  return path[size] == '/' ? path + size : nullptr;
}

bool path_of_fd(int fd, Path& path) {
  if (fd < 0) return false;
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link.data(), path.data(), path.size() - 1);
  if (size <= 0) return false;
  path[static_cast<std::size_t>(size)] = '\0';
  return path[0] == '/';
}

// `path` made absolute in `room` when it is relative to `folder_fd`.
const char* absolute(int folder_fd, const char* path, Path& room) {
  if (path == nullptr || path[0] == '/') return path;
  Path folder{};
  const bool known = folder_fd == AT_FDCWD ? getcwd(folder.data(), folder.size()) != nullptr
                                           : path_of_fd(folder_fd, folder);
  if (!known) return path;
  const int size = std::snprintf(room.data(), room.size(), "%s/%s", folder.data(), path);
  return static_cast<std::size_t>(size) < room.size() ? room.data() : path;
}

bool watched_fd(int fd) {
  if (state().folder[0] == '\0') return false;
  const int saved = errno;
  Path path{};
  const bool is = path_of_fd(fd, path) && inside(path.data()) != nullptr;
  errno = saved;
  return is;
}

bool watched_path(int folder_fd, const char* path) {
  if (state().folder[0] == '\0') return false;
  Path room{};
  return inside(absolute(folder_fd, path, room)) != nullptr;
}

// What becomes of one call on a watched file: 0: made as it is; else the errno, or short_count.
int outcome(Call call) {
  const int saved = errno;
  State& s = state();
  const std::lock_guard lock(s.mutex);
  reread_control(s);
  errno = saved;
  if ((s.calls & call) == 0) return 0;
  ++s.counted;
  if (s.nth == 0 || (s.always ? s.counted < s.nth : s.counted != s.nth)) return 0;
  ++s.failed;
  return s.error;
}

// For calls that cannot be made by halves.
int failure(Call call) {
  const int result = outcome(call);
  return result == short_count ? 0 : result;
}

int fail(int error) {
  errno = error;
  return -1;
}

// --- What is durable -------------------------------------------------------------------------

bool shadow_path(const char* path, Path& shadow) {
  const char* const name = inside(path);
  const char* const folder = state().shadow.data();
  if (name == nullptr || folder[0] == '\0') return false;
  const int size = std::snprintf(shadow.data(), shadow.size(), "%s%s", folder, name);
  return static_cast<std::size_t>(size) < shadow.size();
}

void make_folders_of(const Path& shadow) {
  Path folder = shadow;
  const std::size_t start = std::strlen(state().shadow.data());
  for (std::size_t i = start; folder[i] != '\0'; ++i) {
    if (folder[i] != '/') continue;
    folder[i] = '\0';
    mkdir(folder.data(), 0755);
    folder[i] = '/';
  }
}

// Makes [begin, end) of the file and its size durable. Only what differs is written.
void keep_range(int from, int to, off_t begin, off_t end) {
  struct stat info {};
  if (fstat(from, &info) != 0) return;
  if (end > info.st_size) end = info.st_size;
  static thread_local std::array<char, 65536> now;
  static thread_local std::array<char, 65536> kept;
  while (begin < end) {
    const auto want = static_cast<std::size_t>(end - begin) < now.size()
                          ? static_cast<std::size_t>(end - begin)
                          : now.size();
    const ssize_t got = REAL(pread)(from, now.data(), want, begin);
    if (got <= 0) break;
    const auto size = static_cast<std::size_t>(got);
    const ssize_t had = REAL(pread)(to, kept.data(), size, begin);
    if (had != got || std::memcmp(now.data(), kept.data(), size) != 0) {
      (void)!REAL(pwrite)(to, now.data(), size, begin);
    }
    begin += got;
  }
  (void)!REAL(ftruncate)(to, info.st_size);
}

void keep_path(const char* path, off_t begin, off_t end) {
  const int saved = errno;
  Path shadow{};
  struct stat info {};
  // A file without a name any more is gone with the power.
  if (shadow_path(path, shadow) && stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
    const int from = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    make_folders_of(shadow);
    const int to = REAL(open)(shadow.data(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (from >= 0 && to >= 0) keep_range(from, to, begin, end);
    if (from >= 0) close(from);
    if (to >= 0) close(to);
  }
  errno = saved;
}

constexpr off_t whole_file = INT64_MAX;

void keep_fd(int fd) {
  Path path{};
  if (path_of_fd(fd, path)) keep_path(path.data(), 0, whole_file);
}

void keep_if_synchronous(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_DSYNC) != 0) keep_fd(fd);
}

// Of the mapping that holds `address`: file, and offset of the address in it.
bool mapped_file(const void* address, Path& path, off_t& offset) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const int fd = REAL(open)("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  static thread_local std::array<char, 16384> text;
  std::size_t held = 0;
  bool found = false;
  while (!found) {
    const ssize_t got = REAL(read)(fd, text.data() + held, text.size() - 1 - held);
    if (got <= 0) break;
    held += static_cast<std::size_t>(got);
    text[held] = '\0';
    char* line = text.data();
    for (char* end = nullptr; !found && (end = std::strchr(line, '\n')) != nullptr;
         line = end + 1) {
      *end = '\0';
      unsigned long begin = 0;
      unsigned long behind = 0;
      unsigned long start = 0;
      if (std::sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095s", &begin, &behind, &start,
                      path.data()) == 4) {
        found = wanted >= begin && wanted < behind;
        offset = static_cast<off_t>(start + (wanted - begin));
      }
    }
    held -= static_cast<std::size_t>(line - text.data());
    std::memmove(text.data(), line, held);
  }
  close(fd);
  return found;
}

void moved(const char* from, const char* to) {
  const int saved = errno;
  Path shadow_from{};
  Path shadow_to{};
  const bool source = shadow_path(from, shadow_from);
  if (shadow_path(to, shadow_to)) {
    make_folders_of(shadow_to);
    if (!source || REAL(rename)(shadow_from.data(), shadow_to.data()) != 0) {
      // What now bears the name was never synced.
      REAL(unlink)(shadow_to.data());
    }
  } else if (source) {
    REAL(unlink)(shadow_from.data());
  }
  errno = saved;
}

void removed(const char* path) {
  const int saved = errno;
  Path shadow{};
  if (shadow_path(path, shadow)) REAL(unlink)(shadow.data());
  errno = saved;
}

// --- The shapes of calls ---------------------------------------------------------------------

template <typename Real>
int shim_open(Real real, int folder_fd, const char* path) {
  if (watched_path(folder_fd, path)) {
    if (const int error = failure(call_open); error != 0) return fail(error);
  }
  return real();
}

template <typename Real>
ssize_t shim_write(Real real, int fd, std::size_t size) {
  if (!watched_fd(fd)) return real(size);
  const int error = outcome(call_write);
  if (error > 0) return fail(error);
  const ssize_t written = real(error == short_count ? size / 2 : size);
  if (written > 0) keep_if_synchronous(fd);
  return written;
}

template <typename Real>
ssize_t shim_read(Real real, int fd, std::size_t size) {
  if (!watched_fd(fd)) return real(size);
  const int error = outcome(call_read);
  if (error > 0) return fail(error);
  return real(error == short_count ? size / 2 : size);
}

// Vectors fail, or are written whole: half of one would need another vector.
template <typename Real>
ssize_t shim_write_vector(Real real, int fd) {
  if (!watched_fd(fd)) return real();
  if (const int error = failure(call_write); error != 0) return fail(error);
  const ssize_t written = real();
  if (written > 0) keep_if_synchronous(fd);
  return written;
}

template <typename Real>
int shim_sync(Real real, int fd) {
  if (!watched_fd(fd)) return real();
  if (const int error = failure(call_sync); error != 0) return fail(error);
  const int result = real();
  if (result == 0) keep_fd(fd);
  return result;
}

template <typename Real>
int shim_change(Real real, int fd, Call call) {
  if (watched_fd(fd)) {
    if (const int error = failure(call); error != 0) return fail(error);
  }
  return real();
}

template <typename Real>
int shim_reserve(Real real, int fd) {
  if (watched_fd(fd)) {
    if (const int error = failure(call_reserve); error != 0) return error;
  }
  return real();
}

template <typename Real>
void* shim_map(Real real, int fd, int flags) {
  if ((flags & MAP_SHARED) != 0 && watched_fd(fd)) {
    if (const int error = failure(call_map); error != 0) {
      errno = error;
      return MAP_FAILED;
    }
  }
  return real();
}

template <typename Real>
int shim_rename(Real real, int from_fd, const char* from, int to_fd, const char* to) {
  Path from_room{};
  Path to_room{};
  const char* const source = absolute(from_fd, from, from_room);
  const char* const target = absolute(to_fd, to, to_room);
  if (inside(source) == nullptr && inside(target) == nullptr) return real();
  if (const int error = failure(call_rename); error != 0) return fail(error);
  const int result = real();
  if (result == 0) moved(source, target);
  return result;
}

template <typename Real>
int shim_unlink(Real real, int folder_fd, const char* path) {
  Path room{};
  const char* const name = absolute(folder_fd, path, room);
  if (inside(name) == nullptr) return real();
  if (const int error = failure(call_unlink); error != 0) return fail(error);
  const int result = real();
  if (result == 0) removed(name);
  return result;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

extern "C" {

void disk_shim_watch(const char* folder, const char* shadow) {
  copy_text(state().folder, folder);
  copy_text(state().shadow, shadow);
}

bool disk_shim_fault(const char* fault) {
  const std::lock_guard lock(state().mutex);
  return set_fault(state(), fault);
}

std::uint64_t disk_shim_calls() {
  const std::lock_guard lock(state().mutex);
  return state().counted;
}

std::uint64_t disk_shim_faults() {
  const std::lock_guard lock(state().mutex);
  return state().failed;
}

#define SHIM_OPEN(name)                                                              \
  int name(const char* path, int flags, ...) {                                       \
    va_list arguments;                                                               \
    va_start(arguments, flags);                                                      \
    const mode_t mode = mode_of(flags, arguments);                                   \
    va_end(arguments);                                                               \
    return shim_open([&] { return REAL(name)(path, flags, mode); }, AT_FDCWD, path); \
  }
SHIM_OPEN(open)
SHIM_OPEN(open64)

#define SHIM_OPENAT(name)                                                                  \
  int name(int folder, const char* path, int flags, ...) {                                 \
    va_list arguments;                                                                     \
    va_start(arguments, flags);                                                            \
    const mode_t mode = mode_of(flags, arguments);                                         \
    va_end(arguments);                                                                     \
    return shim_open([&] { return REAL(name)(folder, path, flags, mode); }, folder, path); \
  }
SHIM_OPENAT(openat)
SHIM_OPENAT(openat64)

int creat(const char* path, mode_t mode) {
  return shim_open([&] { return REAL(creat)(path, mode); }, AT_FDCWD, path);
}
int creat64(const char* path, mode_t mode) {
  return shim_open([&] { return REAL(creat64)(path, mode); }, AT_FDCWD, path);
}

ssize_t write(int fd, const void* data, std::size_t size) {
  return shim_write([&](std::size_t n) { return REAL(write)(fd, data, n); }, fd, size);
}
ssize_t pwrite(int fd, const void* data, std::size_t size, off_t at) {
  return shim_write([&](std::size_t n) { return REAL(pwrite)(fd, data, n, at); }, fd, size);
}
ssize_t pwrite64(int fd, const void* data, std::size_t size, off64_t at) {
  return shim_write([&](std::size_t n) { return REAL(pwrite64)(fd, data, n, at); }, fd, size);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return shim_write_vector([&] { return REAL(writev)(fd, parts, count); }, fd);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  return shim_write_vector([&] { return REAL(pwritev)(fd, parts, count, at); }, fd);
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t at) {
  return shim_write_vector([&] { return REAL(pwritev64)(fd, parts, count, at); }, fd);
}

ssize_t read(int fd, void* data, std::size_t size) {
  return shim_read([&](std::size_t n) { return REAL(read)(fd, data, n); }, fd, size);
}
ssize_t pread(int fd, void* data, std::size_t size, off_t at) {
  return shim_read([&](std::size_t n) { return REAL(pread)(fd, data, n, at); }, fd, size);
}
ssize_t pread64(int fd, void* data, std::size_t size, off64_t at) {
  return shim_read([&](std::size_t n) { return REAL(pread64)(fd, data, n, at); }, fd, size);
}

int fsync(int fd) {
  return shim_sync([&] { return REAL(fsync)(fd); }, fd);
}
int fdatasync(int fd) {
  return shim_sync([&] { return REAL(fdatasync)(fd); }, fd);
}
int msync(void* address, std::size_t size, int flags) {
  Path path{};
  off_t offset = 0;
  if (state().folder[0] == '\0' || !mapped_file(address, path, offset) ||
      inside(path.data()) == nullptr) {
    return REAL(msync)(address, size, flags);
  }
  if (const int error = failure(call_sync); error != 0) return fail(error);
  const int result = REAL(msync)(address, size, flags);
  if (result == 0 && (flags & MS_SYNC) != 0) {
    // The kernel syncs whole pages.
    constexpr off_t page = 4096;
    const off_t end = (offset + static_cast<off_t>(size) + page - 1) / page * page;
    keep_path(path.data(), offset, end);
  }
  return result;
}

int ftruncate(int fd, off_t size) noexcept {
  return shim_change([&] { return REAL(ftruncate)(fd, size); }, fd, call_truncate);
}
int ftruncate64(int fd, off64_t size) noexcept {
  return shim_change([&] { return REAL(ftruncate64)(fd, size); }, fd, call_truncate);
}
int fallocate(int fd, int mode, off_t at, off_t size) {
  return shim_change([&] { return REAL(fallocate)(fd, mode, at, size); }, fd, call_reserve);
}
int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  return shim_change([&] { return REAL(fallocate64)(fd, mode, at, size); }, fd, call_reserve);
}
int posix_fallocate(int fd, off_t at, off_t size) {
  return shim_reserve([&] { return REAL(posix_fallocate)(fd, at, size); }, fd);
}
int posix_fallocate64(int fd, off64_t at, off64_t size) {
  return shim_reserve([&] { return REAL(posix_fallocate64)(fd, at, size); }, fd);
}

void* mmap(void* address, std::size_t size, int access, int flags, int fd, off_t at) noexcept {
  return shim_map([&] { return REAL(mmap)(address, size, access, flags, fd, at); }, fd, flags);
}
void* mmap64(void* address, std::size_t size, int access, int flags, int fd, off64_t at) noexcept {
  return shim_map([&] { return REAL(mmap64)(address, size, access, flags, fd, at); }, fd, flags);
}

int rename(const char* from, const char* to) noexcept {
  return shim_rename([&] { return REAL(rename)(from, to); }, AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_fd, const char* from, int to_fd, const char* to) noexcept {
  return shim_rename([&] { return REAL(renameat)(from_fd, from, to_fd, to); }, from_fd, from, to_fd,
                     to);
}
int renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) noexcept {
  return shim_rename([&] { return REAL(renameat2)(from_fd, from, to_fd, to, flags); }, from_fd,
                     from, to_fd, to);
}

int unlink(const char* path) noexcept {
  return shim_unlink([&] { return REAL(unlink)(path); }, AT_FDCWD, path);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return shim_unlink([&] { return REAL(unlinkat)(folder, path, flags); }, folder, path);
}
int remove(const char* path) noexcept {
  return shim_unlink([&] { return REAL(remove)(path); }, AT_FDCWD, path);
}

}  // extern "C"
