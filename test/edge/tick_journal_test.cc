#include "edge/tick_journal.h"

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::read_file;
using test::TempDir;
using test::write_file;
using Records = std::vector<std::string>;

TEST_CASE("records come back after the process that wrote them is gone") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  const pid_t child = fork();
  if (child == 0) {
    auto journal = TickJournal::open(path);
    bool ok = journal.ok();
    for (int i = 0; ok && i < 100; ++i) ok = journal->append(concat("tick ", i)).ok();
    kill(getpid(), ok ? SIGKILL : SIGTERM);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WTERMSIG(status) == SIGKILL);
  auto journal = TickJournal::open(path);
  REQUIRE(journal.ok());
  const Records records = journal->replay();
  REQUIRE(records.size() == 100);
  CHECK(records.front() == "tick 0");
  CHECK(records.back() == "tick 99");
  // What is appended after a replay joins the same list.
  REQUIRE(journal->append("more").ok());
  REQUIRE(journal->sync().ok());
  CHECK(journal->replay().size() == 101);
}

TEST_CASE("reset forgets, also records that were longer or shorter") {
  const TempDir dir;
  auto journal = TickJournal::open(dir.file("ticks"));
  REQUIRE(journal.ok());
  for (int i = 0; i < 10; ++i) REQUIRE(journal->append("aaaaaaaa").ok());
  journal->reset();
  CHECK(journal->replay().empty());
  // Ends exactly where an old record begins: the generation tells them apart.
  REQUIRE(journal->append("bbbbbbbb").ok());
  auto again = TickJournal::open(dir.file("ticks"));
  REQUIRE(again.ok());
  CHECK(again->replay() == Records{"bbbbbbbb"});
}

TEST_CASE("a torn or damaged tail ends the list before it") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  {
    auto journal = TickJournal::open(path, 8192);
    REQUIRE(journal.ok());
    for (int i = 0; i < 5; ++i) REQUIRE(journal->append("0123456789").ok());
  }
  const std::string whole = read_file(path);
  // Every byte of the fourth record, its header included.
  for (std::size_t at = 16 + 3 * 22; at < 16 + 4 * 22; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    write_file(path, damaged);
    const auto journal = TickJournal::open(path, 8192);
    REQUIRE(journal.ok());
    CHECK(journal->replay() == Records(3, "0123456789"));
  }
  // Cut short: the missing part reads as zeros.
  write_file(path, whole.substr(0, 16 + 2 * 22 + 5));
  const auto cut = TickJournal::open(path, 8192);
  REQUIRE(cut.ok());
  CHECK(cut->replay() == Records(2, "0123456789"));
}

TEST_CASE("a file of something else is started over, and a full journal says so") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  write_file(path, std::string(500, '\xff'));
  auto journal = TickJournal::open(path, 4096);
  REQUIRE(journal.ok());
  CHECK(journal->replay().empty());
  int taken = 0;
  Status status;
  while ((status = journal->append(std::string(100, 'x'))).ok()) ++taken;
  CHECK(status.error().code == ErrorCode::full);
  CHECK(taken > 30);
  CHECK(journal->replay().size() == static_cast<std::size_t>(taken));
  journal->reset();
  CHECK(journal->append("x").ok());
}

TEST_CASE("a folder that is not there is an error that names the file") {
  const TempDir dir;
  const auto journal = TickJournal::open(dir.file("none/ticks"));
  REQUIRE_FALSE(journal.ok());
  CHECK(journal.error().message.find("none/ticks") != std::string::npos);
  TickJournal closed;
  CHECK_FALSE(closed.append("x").ok());
}

TEST_CASE("a journal that somebody cuts off is given up, and ends no process") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  auto journal = TickJournal::open(path);
  REQUIRE(journal->append("kept").ok());
  REQUIRE(truncate(path.c_str(), 100) == 0);
  SECTION("replay") { CHECK(journal->replay().empty()); }
  SECTION("reset") { journal->reset(); }
  const Status appended = journal->append("more");
  REQUIRE_FALSE(appended.ok());
  CHECK(appended.error().code == ErrorCode::unavailable);
  CHECK_FALSE(journal->is_open());
  CHECK(journal->sync().ok());
  // The next process makes it whole again.
  auto next = TickJournal::open(path);
  REQUIRE(next->append("again").ok());
  CHECK(next->replay().back() == "again");
}

}  // namespace
}  // namespace godwit
