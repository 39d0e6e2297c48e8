#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/host.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t longest_nap_ms = 100;
constexpr std::int64_t kill_grace_ms = 1000;
constexpr std::size_t max_undead = 4;

Error system_error(std::string_view what, int error_number) {
  return {ErrorCode::io, concat(what, ": ", std::generic_category().message(error_number))};
}

class Fd {
 public:
  Fd() = default;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Children that SIGKILL did not end in time: they sit in the kernel, as a driver that hangs leaves
// them. They are reaped when they are gone, and bound how many more may be started.
class Undead {
 public:
  void add(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.push_back(pid);
  }
  std::size_t reap() {
    const std::lock_guard lock(mutex_);
    std::erase_if(pids_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
    return pids_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> pids_;  // protected by mutex_
};

Undead& undead() {
  static Undead instance;
  return instance;
}

// A started child, leader of its own process group. The destructor leaves nothing of the group
// running.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!reaped_) finish();
  }

  // Does not reap, so that the pid, and with it the group's number, stays ours.
  [[nodiscard]] bool exited() const {
    siginfo_t info{};
    const int result = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return result != 0 || info.si_pid == pid_;
  }

  // Kills what is left of the group and reaps the leader; the exit status as a shell gives it.
  int finish() {
    kill(-pid_, SIGKILL);
    reaped_ = true;
    const std::int64_t end = steady_ms() + kill_grace_ms;
    while (!exited()) {
      if (steady_ms() >= end) {
        undead().add(pid_);
        return 128 + SIGKILL;
      }
      poll(nullptr, 0, 2);
    }
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_) return 0;  // the program ignores SIGCHLD
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
  bool reaped_ = false;
};

Status open_pipe(Fd& read_end, Fd& write_end) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe", errno);
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> child_environment() {
  std::vector<std::string> result = {"LC_ALL=C"};
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("LC_ALL=")) result.emplace_back(*entry);
  }
  return result;
}

Result<pid_t> spawn(std::vector<std::string> argv, int out, int err) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_adddup2(&files, err, 2);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  auto environment = child_environment();
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0].c_str(), &files, &attributes, pointers(argv).data(),
                                 pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error == 0) return pid;
  Error result = system_error(argv[0], error);
  if (error == ENOENT || error == ENOTDIR) {
    return Error{ErrorCode::no_data, concat(argv[0], ": command not found")};
  }
  if (error == EACCES || error == EPERM) result.code = ErrorCode::permission;
  return result;
}

// One output of the child. Closed at its end, at a failure and at the cap.
struct Stream {
  Fd fd;
  std::string text;
  bool capped = false;

  // Takes what is there without waiting.
  void drain(std::size_t cap) {
    std::array<char, 16384> chunk;
    while (fd.is_open()) {
      const ssize_t n = read(fd.get(), chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return fd.reset();
      text.append(chunk.data(), static_cast<std::size_t>(n));
      if (text.size() > cap) {
        text.resize(cap);
        capped = true;
        fd.reset();
      }
    }
  }
};

// Reads both streams until the child has exited. False at the deadline.
bool read_until_exit(const Child& child, Stream& out, Stream& err, std::int64_t end_ms,
                     std::size_t cap) {
  std::int64_t closed_nap_ms = 1;  // an exit follows the end of output closely, as a rule
  for (;;) {
    const bool exited = child.exited();
    // In this order: all that the child wrote before it exited is in the pipes by now. Somebody it
    // left behind may hold them open; that is no reason to wait.
    out.drain(cap);
    err.drain(cap);
    if (exited) return true;
    const std::int64_t left_ms = end_ms - steady_ms();
    if (left_ms <= 0) return false;
    const bool any_open = out.fd.is_open() || err.fd.is_open();
    if (!any_open) closed_nap_ms = std::min(closed_nap_ms * 2, longest_nap_ms);
    const std::int64_t nap_ms = any_open ? longest_nap_ms : closed_nap_ms;
    std::array<pollfd, 2> fds = {pollfd{out.fd.get(), POLLIN, 0}, pollfd{err.fd.get(), POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(std::min(nap_ms, left_ms)));
  }
}

}  // namespace

Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                  std::chrono::milliseconds deadline, std::size_t output_cap) {
  assert(!argv.empty());
  const std::int64_t end_ms = steady_ms() + deadline.count();
  if (undead().reap() >= max_undead) {
    return Error{ErrorCode::unavailable,
                 concat(argv[0], ": not started, because ", max_undead,
                        " earlier runs hang in the kernel and cannot be killed")};
  }
  Stream out;
  Stream err;
  Fd out_write;
  Fd err_write;
  if (auto opened = open_pipe(out.fd, out_write); !opened) return opened.error();
  if (auto opened = open_pipe(err.fd, err_write); !opened) return opened.error();
  const auto pid = spawn(argv, out_write.get(), err_write.get());
  if (!pid) return pid.error();
  Child child(*pid);
  out_write.reset();
  err_write.reset();
  if (!read_until_exit(child, out, err, end_ms, output_cap)) {
    return Error{ErrorCode::timeout,
                 concat(argv[0], ": no end within ", deadline.count(), " ms, killed")};
  }
  CommandOutput output;
  output.exit_status = child.finish();
  output.truncated = out.capped || err.capped;
  output.text = std::move(out.text);
  output.error_text = std::move(err.text);
  return output;
}

}  // namespace godwit
