#include "edge/buffer_open.h"

#include <catch2/catch.hpp>
#include <sys/mount.h>
#include <unistd.h>

#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

StoredFrame row(std::uint64_t seq, std::size_t size) {
  StoredFrame frame;
  frame.first_seq = frame.last_seq = seq;
  frame.boot_id = "boot";
  frame.ticks = 1;
  frame.bytes.assign(size, 'x');
  return frame;
}

TEST_CASE("the folder is made, the file is used") {
  const TempDir dir;
  const OpenedBuffer opened = open_buffer(dir.file("a/b/buffer.db"), {});
  CHECK_FALSE(opened.trouble);
  CHECK_FALSE(opened.buffer.in_memory());
  CHECK(fs::exists(dir.file("a/b/buffer.db")));
}

TEST_CASE("a damaged file is set aside, a bounded number of times, and the agent goes on") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  for (int i = 1; i <= 4; ++i) {
    test::write_file(path, concat("damage ", i, std::string(5000, '!')));
    OpenedBuffer opened = open_buffer(path, {});
    CHECK_FALSE(opened.trouble);
    CHECK(opened.buffer.append(row(1, 100)).ok());
    CHECK(test::read_file(concat(path, ".damaged-", i)).starts_with(concat("damage ", i)));
    fs::remove(path);
    fs::remove(path + "-wal");
    fs::remove(path + "-shm");
  }
  CHECK_FALSE(fs::exists(path + ".damaged-1"));
  CHECK_FALSE(fs::exists(path + ".damaged-2"));
  CHECK(fs::exists(path + ".damaged-3"));
}

TEST_CASE("a place that cannot be used gives a buffer in RAM that works, and the reason") {
  const TempDir dir;
  std::string path;
  SECTION("a folder in the way") {
    path = dir.file("buffer.db");
    fs::create_directory(path);
  }
  SECTION("a file where the folder should be") {
    test::write_file(dir.path() / "file", "x");
    path = dir.file("file/buffer.db");
  }
  SECTION("a newer format is left alone") {
    path = dir.file("buffer.db");
    { open_buffer(path, {}); }
    REQUIRE(Sqlite::open(path, Sqlite::Mode::create)->execute("PRAGMA user_version=7").ok());
  }
  OpenedBuffer opened = open_buffer(path, {});
  REQUIRE(opened.trouble);
  CHECK(opened.trouble->message.find(dir.path().string()) != std::string::npos);
  CHECK(opened.buffer.in_memory());
  CHECK(opened.buffer.append(row(1, 100)).ok());
  CHECK(opened.buffer.peek(0, 100, 100)->size() == 1);
  CHECK_FALSE(fs::exists(path + ".damaged-1"));
}

TEST_CASE("the buffer in RAM is bounded") {
  OpenedBuffer opened = open_buffer("", {});
  CHECK_FALSE(opened.trouble);
  for (std::uint64_t i = 1; i <= 400; ++i) REQUIRE(opened.buffer.append(row(i, 100'000)).ok());
  CHECK(opened.buffer.stats().file_bytes <= max_memory_buffer_bytes + 200'000);
  CHECK(opened.buffer.stats().lost.at("full").ticks > 200);
}

// A small file system of its own, read-only or full; needs the right to mount.
struct SmallDisk {
  TempDir dir;
  bool mounted;
  explicit SmallDisk(const char* options)
      : mounted(mount("godwit", dir.path().c_str(), "tmpfs", 0, options) == 0) {}
  ~SmallDisk() {
    if (mounted) umount(dir.path().c_str());
  }
};

TEST_CASE("a full disk is an error that changes nothing, and room helps") {
  const SmallDisk disk("size=400k");
  if (!disk.mounted) {
    WARN("no right to mount a small disk: left out");
    return;
  }
  OpenedBuffer opened = open_buffer(disk.dir.file("buffer.db"), {});
  REQUIRE_FALSE(opened.trouble);
  Buffer& buffer = opened.buffer;
  std::uint64_t stored = 0;
  Status status;
  while (stored < 1000 && (status = buffer.append(row(stored + 1, 2000))).ok()) ++stored;
  REQUIRE_FALSE(status.ok());
  CHECK((status.error().code == ErrorCode::full || status.error().code == ErrorCode::io));
  CHECK(buffer.last_seq() == stored);
  CHECK(buffer.peek(0, UINT64_MAX, UINT64_MAX)->size() == stored);
  // Opening on the full disk works or falls back to RAM, and never damages what is there.
  { open_buffer(disk.dir.file("buffer.db"), {}); }
  const auto reader = Buffer::open_read_only(disk.dir.file("buffer.db"));
  if (reader) CHECK(reader->last_seq() == stored);
}

TEST_CASE("a read-only disk gives a buffer in RAM") {
  const SmallDisk disk("size=2m");
  if (!disk.mounted) {
    WARN("no right to mount a small disk: left out");
    return;
  }
  const std::string path = disk.dir.file("buffer.db");
  SECTION("with a buffer on it") { open_buffer(path, {}); }
  SECTION("empty") {}
  REQUIRE(mount("godwit", disk.dir.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
  const OpenedBuffer opened = open_buffer(path, {});
  REQUIRE(opened.trouble);
  CHECK(opened.buffer.in_memory());
}

}  // namespace
}  // namespace godwit
