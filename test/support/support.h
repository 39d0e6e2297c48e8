// What every test may need: a temporary folder, fixtures, child processes, free ports, waiting.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace godwit::test {

// A fresh folder that is gone at the end of the scope.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// test/fixtures/<name>.
std::filesystem::path fixture(std::string_view name);
// test/<name>, for peers and fakes.
std::filesystem::path test_path(std::string_view name);
std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view content);

// True when `text` is test/golden/<name>. If not, the text is left in <build>/golden/<name>, and
// the test's output says so: whoever meant the change looks at it and copies it over.
bool is_golden(std::string_view name, const std::string& text);

// A TCP port that is this process's until it ends: outside the range from which the kernel takes
// ports for connections, and locked against other tests (test/e2e/pipeline.py takes part).
int free_port();
bool port_open(int port);

// Polls until true or until the time is over; returns the last answer.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

// A child with its output in a file. Killed (by pid) at the end of the scope.
class ChildProcess {
 public:
  // argv[0] is searched in PATH. Standard output and error go to `output_file`.
  ChildProcess(const std::vector<std::string>& argv, std::string output_file,
               const std::vector<std::string>& extra_environment = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string output() const;
  void send_signal(int signal) const;
  // Waits for the end; exit code, 128 + signal, or -1 when still running at the limit.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // SIGTERM, then SIGKILL after `limit`; the exit code.
  int terminate(std::chrono::milliseconds limit = std::chrono::seconds(10));
  [[nodiscard]] bool running();

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::string output_file_;
};

}  // namespace godwit::test
