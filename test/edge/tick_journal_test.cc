#include "edge/tick_journal.h"

#include <catch2/catch.hpp>
#include <sys/mount.h>
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

JournalRecord record(std::string content) { return {7, 3, std::move(content)}; }

std::vector<std::string> contents(const TickJournal& journal) {
  std::vector<std::string> all;
  for (auto& found : journal.records()) {
    CHECK(found.stream == 7);
    CHECK(found.released == 3);
    all.push_back(std::move(found.content));
  }
  return all;
}

TickJournal open(const std::string& path, std::size_t size = TickJournal::default_size) {
  auto journal = TickJournal::open(path, size);
  if (!journal) FAIL(journal.error().message);
  return std::move(*journal);
}

TEST_CASE("records come back after the process that wrote them is gone") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  const pid_t child = fork();
  if (child == 0) {
    auto journal = TickJournal::open(path);
    bool ok = journal.ok();
    for (int i = 0; ok && i < 100; ++i) {
      ok = journal->hold(record(concat("tick ", i))).ok();
      if (i % 2 == 1) journal->settle();
    }
    kill(getpid(), ok ? SIGKILL : SIGTERM);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WTERMSIG(status) == SIGKILL);
  TickJournal journal = open(path);
  const auto found = contents(journal);
  REQUIRE(found.size() == 50);
  CHECK(found.front() == "tick 1");  // in place of tick 0
  CHECK(found.back() == "tick 99");
  CHECK(TickJournal::read(path)->size() == 50);
  // What comes after a restart is newer than all of it.
  REQUIRE(journal.hold(record("more")).ok());
  CHECK_FALSE(journal.is_synced());
  REQUIRE(journal.sync().ok());
  CHECK(journal.is_synced());
  CHECK(contents(journal).back() == "more");
}

TEST_CASE("the newest record is whole at any instant, however it grows") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  int progress[2];
  REQUIRE(pipe(progress) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto journal = TickJournal::open(path, 64U << 10);
    for (std::size_t i = 1; journal.ok(); ++i) {
      // 1 byte to 12 KiB, again and again.
      const std::size_t size = i % 12'000 + 1;
      if (size == 1) journal->settle();
      journal->free_before(journal->place());
      if (!journal->hold(record(std::string(size, 'a' + static_cast<char>(i % 26)))).ok()) break;
      if (write(progress[1], &i, sizeof i) != sizeof i) break;
    }
    _exit(1);
  }
  close(progress[1]);
  std::size_t last = 0;
  while (last < 30'000 && read(progress[0], &last, sizeof last) == sizeof last) {
  }
  kill(child, SIGKILL);
  while (read(progress[0], &last, sizeof last) == sizeof last) {
  }
  close(progress[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const std::string found = contents(open(path, 64U << 10)).back();
  const auto is = [&](std::size_t i) {
    return found == std::string(i % 12'000 + 1, 'a' + static_cast<char>(i % 26));
  };
  CHECK((is(last) || is(last + 1)));
}

TEST_CASE("records go round the file and never over one that is needed") {
  const TempDir dir;
  TickJournal journal = open(dir.file("ticks"), 32U << 10);
  std::uint64_t kept = journal.place();
  for (int i = 0; i < 8; ++i) {
    REQUIRE(journal.hold(record(concat("record ", i))).ok());
    journal.settle();
  }
  const Status full = journal.hold(record("too much"));
  REQUIRE_FALSE(full.ok());
  CHECK(full.error().code == ErrorCode::full);
  CHECK(contents(journal).size() == 8);
  kept += 4096;
  journal.free_before(kept);
  REQUIRE(journal.hold(record("in the place of record 0")).ok());
  REQUIRE_FALSE(journal.hold(record(std::string(5000, 'x'))).ok());  // would need two more
  CHECK(contents(journal).front() == "record 1");
  CHECK(contents(journal).back() == "in the place of record 0");
  for (int i = 0; i < 1000; ++i) {
    journal.settle();
    journal.free_before(journal.place());
    REQUIRE(journal.hold(record(std::string(static_cast<std::size_t>(i * 7), 'y'))).ok());
    CHECK(contents(journal).back().size() == static_cast<std::size_t>(i * 7));
  }
  journal.erase();
  CHECK(journal.records().empty());
  REQUIRE(journal.hold(record("after")).ok());
  CHECK(journal.records().size() == 1);
}

TEST_CASE("damage costs the records it hits") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  {
    TickJournal journal = open(path);
    for (int i = 0; i < 20; ++i) {
      REQUIRE(journal.hold(record(concat("tick ", i))).ok());
      journal.settle();
    }
  }
  std::string bytes = read_file(path);
  bytes[5 * 4096 + 42] ^= 1;
  write_file(path, bytes);
  CHECK(contents(open(path)).size() == 19);
  SECTION("all of it") { write_file(path, std::string(600'000, '\xff')); }
  SECTION("shorter") { write_file(path, "x"); }
  SECTION("no journal at all") { write_file(path, std::string(5000, 'G')); }
  TickJournal journal = open(path);
  CHECK(journal.records().empty());
  REQUIRE(journal.hold(record("new")).ok());
  CHECK(contents(journal) == std::vector<std::string>{"new"});
}

TEST_CASE("without a file every record is refused") {
  const TempDir dir;
  CHECK_FALSE(TickJournal::open(dir.file("missing/ticks")).ok());
  TickJournal none;
  CHECK_FALSE(none.is_open());
  CHECK_FALSE(none.hold(record("x")).ok());
  none.settle();
  CHECK(none.sync().ok());
}

TEST_CASE("a place that is a folder or no file at all gives an error") {
  const TempDir dir;
  const auto journal = TickJournal::open(dir.path().string());
  REQUIRE_FALSE(journal.ok());
  CHECK(journal.error().message.find(dir.path().string()) != std::string::npos);
}

TEST_CASE("a journal that somebody cuts off is given up, and ends no process") {
  const TempDir dir;
  const std::string path = dir.file("ticks");
  TickJournal journal = open(path);
  REQUIRE(journal.hold(record("kept")).ok());
  REQUIRE(truncate(path.c_str(), 100) == 0);
  SECTION("records") { CHECK(journal.records().empty()); }
  SECTION("erase") { journal.erase(); }
  SECTION("sync") { (void)journal.sync(); }
  const Status held = journal.hold(record("more"));
  REQUIRE_FALSE(held.ok());
  CHECK(held.error().code == ErrorCode::unavailable);
  CHECK_FALSE(journal.is_open());
  CHECK(journal.sync().ok());
  // The next process makes it whole again.
  TickJournal next = open(path);
  REQUIRE(next.hold(record("again")).ok());
  CHECK(contents(next).back() == "again");
}

TEST_CASE("a journal with holes on a full disk is refused, not mapped") {
  const TempDir dir;
  if (mount("godwit", dir.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("no right to mount a small disk: left out");
    return;
  }
  const std::string path = dir.file("ticks");
  write_file(path, "");
  REQUIRE(truncate(path.c_str(), TickJournal::default_size) == 0);
  {
    const auto journal = TickJournal::open(path);
    CHECK_FALSE(journal.ok());
    if (!journal) CHECK(journal.error().code == ErrorCode::full);
  }
  umount(dir.path().c_str());
}

}  // namespace
}  // namespace godwit
