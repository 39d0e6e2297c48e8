#include "edge/prepare_spool.h"

#include <filesystem>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/support.h"

using namespace godwit;
using namespace godwit::test;
namespace fs = std::filesystem;

namespace {

// Root can give to anybody, others to themselves alone.
SpoolOwner owner() {
  if (geteuid() == 0) return {65532, 65533};
  return {geteuid(), getegid()};
}

bool is_given(const std::string& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info.st_uid == owner().uid && info.st_gid == owner().gid;
}

}  // namespace

TEST_CASE("a spool is made, and a second time changes nothing") {
  const TempDir base;
  const std::string folder = base.file("godwit");
  for (int i = 0; i < 2; ++i) {
    const Status status = prepare_spool(folder, owner());
    INFO((status ? "" : status.error().message));
    REQUIRE(status);
    CHECK(is_given(folder));
    CHECK((fs::status(folder).permissions() & fs::perms::mask) == fs::perms(0750));
  }
}

TEST_CASE("a folder that others read as well") {
  const TempDir base;
  const std::string folder = base.file("features.d");
  fs::create_directory(folder);
  fs::permissions(folder, fs::perms(0700));
  SpoolOwner open = owner();
  open.is_public = true;
  REQUIRE(prepare_spool(folder, open));
  CHECK(is_given(folder));
  CHECK((fs::status(folder).permissions() & fs::perms::mask) == fs::perms(0755));
}

TEST_CASE("Godwit's files in the spool change their owner, others do not") {
  const TempDir base;
  const std::string folder = base.file("godwit");
  fs::create_directories(folder + "/buffer.db.folder");
  const std::string outside = base.file("outside");
  write_file(outside, "of somebody else");
  for (const char* name : {"buffer.db", "buffer.db-wal", "buffer.db.ticks", "notes"}) {
    write_file(folder + "/" + name, "x");
  }
  fs::create_symlink(outside, folder + "/buffer.db.link");
  fs::create_hard_link(outside, folder + "/buffer.db.second-name");
  REQUIRE(prepare_spool(folder, owner()));
  CHECK(is_given(folder + "/buffer.db"));
  CHECK(is_given(folder + "/buffer.db-wal"));
  CHECK(is_given(folder + "/buffer.db.ticks"));
  if (geteuid() != 0) return;  // all is of one owner anyway
  CHECK_FALSE(is_given(folder + "/notes"));
  CHECK_FALSE(is_given(folder + "/buffer.db.folder"));
  CHECK_FALSE(is_given(folder + "/buffer.db.link"));
  CHECK_FALSE(is_given(outside));
}

TEST_CASE("a link or a file in the spool's place is refused") {
  const TempDir base;
  fs::create_directory(base.file("real"));
  fs::create_symlink(base.file("real"), base.file("link"));
  write_file(base.file("file"), "");
  for (const auto& path : {base.file("link"), base.file("file")}) {
    const Status status = prepare_spool(path, owner());
    REQUIRE_FALSE(status);
    CHECK(status.error().message.find(path + ": cannot be opened as a folder") == 0);
  }
  CHECK_FALSE(prepare_spool("relative", owner()));
  CHECK_FALSE(prepare_spool(base.file("not/there"), owner()));
  if (geteuid() == 0) CHECK_FALSE(is_given(base.file("real")));
}
