#include <csignal>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/host.h"
#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using namespace std::chrono_literals;
using godwit::test::eventually;

namespace {

Result<CommandOutput> shell(const std::string& script, std::chrono::milliseconds deadline = 20s,
                            std::size_t cap = 1U << 20) {
  return run_command({"/bin/sh", "-c", script}, deadline, cap);
}

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

bool has_children() { return waitpid(-1, nullptr, WNOHANG) != -1; }

// A process that is gone or waits for its parent to notice.
bool ended(pid_t pid) {
  std::ifstream stat(concat("/proc/", pid, "/stat"));
  std::string text;
  if (!std::getline(stat, text)) return true;
  return text.find(") Z ") != std::string::npos;
}

pid_t pid_in(const std::string& file) {
  REQUIRE(eventually([&] { return std::filesystem::exists(file); }));
  return parse_int<pid_t>(trim(test::read_file(file))).value();
}

}  // namespace

TEST_CASE("command: both streams and the exit status come back, whatever the status is") {
  const auto result = shell("echo out; echo err >&2; exit 187");
  REQUIRE(result.ok());
  CHECK(result->text == "out\n");
  CHECK(result->error_text == "err\n");
  CHECK(result->exit_status == 187);
  CHECK_FALSE(result->truncated);
}

TEST_CASE("command: a signal's end is 128 and the signal") {
  const auto result = shell("kill -TERM $$");
  REQUIRE(result.ok());
  CHECK(result->exit_status == 128 + SIGTERM);
}

TEST_CASE("command: input is empty, the locale is C, the group is its own") {
  const auto result = shell("cat; echo \"$LC_ALL\"; ps -o pgid= -p $$ | tr -d ' '; echo $$");
  REQUIRE(result.ok());
  const auto lines = split_lines(result->text);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "C");
  CHECK(lines[1] == lines[2]);
}

TEST_CASE("command: signals that the agent ignores are not ignored by the child") {
  auto* const before = std::signal(SIGPIPE, SIG_IGN);
  const auto result = shell("kill -PIPE $$; echo survived");
  std::signal(SIGPIPE, before);
  REQUIRE(result.ok());
  CHECK(result->exit_status == 128 + SIGPIPE);
}

TEST_CASE("command: a program that is not there, or may not be run, is told apart") {
  const test::TempDir dir;
  const auto missing = run_command({"no-such-program-here"}, 5s, 100);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::no_data);
  CHECK(missing.error().message == "no-such-program-here: command not found");
  const auto missing_path = run_command({dir.file("nothing")}, 5s, 100);
  REQUIRE_FALSE(missing_path.ok());
  CHECK(missing_path.error().code == ErrorCode::no_data);

  test::write_file(dir.file("plain"), "#!/bin/sh\n");
  const auto plain = run_command({dir.file("plain")}, 5s, 100);
  REQUIRE_FALSE(plain.ok());
  CHECK(plain.error().code == ErrorCode::permission);
}

TEST_CASE("command: a child that hangs is killed at the deadline") {
  const auto result = shell("exec sleep 600", 200ms);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::timeout);
  CHECK(result.error().message.find("200 ms") != std::string::npos);
  CHECK_FALSE(has_children());
}

TEST_CASE("command: what a hanging child has started dies with it") {
  const test::TempDir dir;
  const auto result =
      shell(concat("sleep 600 & echo $! > ", dir.file("pid"), "; trap '' TERM; wait"), 1s);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::timeout);
  const pid_t grandchild = pid_in(dir.file("pid"));
  CHECK(eventually([&] { return ended(grandchild); }));
}

TEST_CASE("command: a grandchild that keeps the pipes open delays nothing and is ended") {
  const test::TempDir dir;
  const auto result = shell(concat("echo data; sleep 600 & echo $! > ", dir.file("pid")), 60s);
  REQUIRE(result.ok());
  CHECK(result->text == "data\n");
  const pid_t grandchild = pid_in(dir.file("pid"));
  CHECK(eventually([&] { return ended(grandchild); }));
}

TEST_CASE("command: a grandchild that left the group cannot hold us past the deadline") {
  const test::TempDir dir;
  const auto result =
      shell(concat("setsid sleep 600 & echo $! > ", dir.file("pid"), "; exec sleep 600"), 1s);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::timeout);
  kill(pid_in(dir.file("pid")), SIGKILL);
}

TEST_CASE("command: a child that closes its output early is still waited for") {
  const auto result = shell("echo data; exec >&- 2>&-; sleep 0.2; exit 3");
  REQUIRE(result.ok());
  CHECK(result->text == "data\n");
  CHECK(result->exit_status == 3);
}

TEST_CASE("command: endless output ends at the cap") {
  const auto result = run_command({"yes", "0123456789"}, 20s, 100'000);
  REQUIRE(result.ok());
  CHECK(result->truncated);
  CHECK(result->text.size() == 100'000);
  CHECK(result->exit_status == 128 + SIGPIPE);
}

TEST_CASE("command: output of exactly the cap is whole, much on both streams does not block") {
  const auto exact = shell("printf 12345678", 20s, 8);
  REQUIRE(exact.ok());
  CHECK_FALSE(exact->truncated);
  const auto both = shell(
      "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero", 20s);
  REQUIRE(both.ok());
  CHECK(both->text.size() == 600'000);
  CHECK(both->error_text.size() == 300'000);
}

TEST_CASE("command: no file and no child is left behind, however a run ends") {
  const auto files_before = open_files();
  for (int i = 0; i < 5; ++i) {
    CHECK(shell("true").ok());
    CHECK_FALSE(run_command({"no-such-program-here"}, 5s, 100).ok());
    CHECK_FALSE(shell("exec sleep 600", 20ms).ok());
    CHECK(run_command({"yes"}, 20s, 100).ok());
  }
  CHECK(open_files() == files_before);
  CHECK_FALSE(has_children());
}
