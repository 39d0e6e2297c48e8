#include "test/support/support.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace godwit::test {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// True when this process has got the port for itself: the file's lock is kept, on purpose, until
// the process ends. It excludes tests that run at the same time, the bind() everything else.
bool reserve(int port) {
  const auto folder = std::filesystem::temp_directory_path() / "godwit-test-ports";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const int lock =
      open((folder / std::to_string(port)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) return false;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  const bool ours = flock(lock, LOCK_EX | LOCK_NB) == 0 &&
                    bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  if (!ours) close(lock);
  return ours;
}

}  // namespace

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "godwit-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path fixture(std::string_view name) { return test_path("fixtures") / name; }

std::filesystem::path test_path(std::string_view name) {
  return std::filesystem::path(GODWIT_SOURCE_DIR) / "test" / name;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

bool is_golden(std::string_view name, const std::string& text) {
  const auto expected = test_path("golden") / name;
  if (std::filesystem::exists(expected) && read_file(expected) == text) return true;
  const auto actual = std::filesystem::path(GODWIT_BINARY_DIR) / "golden" / name;
  write_file(actual, text);
  std::cerr << "golden: not as expected; compare:\n  diff " << expected.string() << ' '
            << actual.string() << '\n';
  return false;
}

int free_port() {
  constexpr int first = 20000;
  constexpr int count = 12000;
  static std::mutex mutex;
  static int next = static_cast<int>(getpid()) * 31 % count;
  const std::lock_guard lock(mutex);
  for (int tried = 0; tried < count; ++tried) {
    const int port = first + next;
    next = (next + 1) % count;
    if (reserve(port)) return port;
  }
  throw std::runtime_error("no free port");
}

bool port_open(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  close(fd);
  return result == 0;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv, std::string output_file,
                           const std::vector<std::string>& extra_environment)
    : output_file_(std::move(output_file)) {
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (const auto& entry : extra_environment) {
    environment.push_back(const_cast<char*>(entry.c_str()));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int error =
      posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    throw std::runtime_error("cannot start " + argv[0]);
  }
}

ChildProcess::~ChildProcess() { terminate(std::chrono::seconds(3)); }

std::string ChildProcess::output() const { return read_file(output_file_); }

void ChildProcess::send_signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

int ChildProcess::wait(std::chrono::milliseconds limit) {
  if (pid_ < 0) return exit_code_;
  eventually([this] { return !running(); }, limit);
  return exit_code_;
}

int ChildProcess::terminate(std::chrono::milliseconds limit) {
  if (!running()) return exit_code_;
  send_signal(SIGTERM);
  send_signal(SIGCONT);
  if (wait(limit) < 0 && running()) {
    send_signal(SIGKILL);
    wait(std::chrono::seconds(10));
  }
  return exit_code_;
}

bool ChildProcess::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return false;
}

}  // namespace godwit::test
