#include "edge/host.h"

#include <filesystem>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/support.h"

using namespace godwit;

TEST_CASE("host: every path hangs from the root") {
  const test::TempDir dir;
  test::write_file(dir.path() / "proc/x", "  12 \nsecond\n");
  const Host host(dir.path().string() + "//");
  CHECK_FALSE(host.is_real());
  CHECK(host.path("/proc/x") == dir.path().string() + "/proc/x");
  CHECK(*host.read_file("/proc/x") == "  12 \nsecond\n");
  CHECK(*host.read_line("/proc/x") == "12");
  CHECK(*host.read_int("/proc/x") == 12);
  CHECK(host.exists("/proc"));
  CHECK_FALSE(host.exists("/etc"));
  CHECK(Host().is_real());
  CHECK(Host("/").path("/proc/x") == "/proc/x");
}

TEST_CASE("host: absence is no data, and says where") {
  const test::TempDir dir;
  const Host host(dir.path().string());
  const auto missing = host.read_file("/proc/none");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::no_data);
  CHECK(missing.error().message.find(dir.path().string() + "/proc/none") != std::string::npos);
  CHECK(host.list("/nowhere").error().code == ErrorCode::no_data);
  CHECK(host.link_name("/nowhere").error().code == ErrorCode::no_data);
  test::write_file(dir.path() / "file", "x");
  CHECK(host.read_file("/file/below").error().code == ErrorCode::no_data);
}

TEST_CASE("host: too large, no integer and a folder are told apart from absence") {
  const test::TempDir dir;
  test::write_file(dir.path() / "big", std::string(5000, 'x'));
  const Host host(dir.path().string());
  CHECK(host.read_file("/big", 5000).ok());
  CHECK(host.read_file("/big", 4999).error().code == ErrorCode::invalid);
  CHECK(host.read_int("/big").error().code == ErrorCode::invalid);
  std::filesystem::create_directory(dir.path() / "folder");
  CHECK(host.read_file("/folder").error().code == ErrorCode::io);
}

TEST_CASE("host: what may not be read is a question of permission") {
  const test::TempDir dir;
  test::write_file(dir.path() / "secret", "x");
  REQUIRE(chmod(dir.file("secret").c_str(), 0) == 0);
  const Host host(dir.path().string());
  if (geteuid() == 0) {
    CHECK(host.read_file("/secret").ok());  // root may read everything
    // A file of /proc that refuses even root.
    const auto refused = Host().read_file("/proc/self/clear_refs");
    if (!refused.ok()) CHECK(refused.error().code != ErrorCode::no_data);
  } else {
    CHECK(host.read_file("/secret").error().code == ErrorCode::permission);
  }
}

TEST_CASE("host: lists are sorted, links name their target") {
  const test::TempDir dir;
  test::write_file(dir.path() / "d/b", "");
  test::write_file(dir.path() / "d/a", "");
  std::filesystem::create_symlink("../x/target", dir.path() / "d/c");
  const Host host(dir.path().string());
  CHECK(*host.list("/d") == std::vector<std::string>{"a", "b", "c"});
  CHECK(*host.link_name("/d/c") == "target");
  CHECK_FALSE(host.link_name("/d/a").ok());
}

TEST_CASE("host: a pipe without a writer does not block") {
  const test::TempDir dir;
  REQUIRE(mkfifo(dir.file("pipe").c_str(), 0600) == 0);
  const Host host(dir.path().string());
  CHECK(*host.read_file("/pipe") == "");
}
