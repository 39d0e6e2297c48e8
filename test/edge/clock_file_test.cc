#include "edge/clock_file.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

using test::TempDir;

constexpr std::int64_t y2026 = 1'795'000'000'000;

void rewrite(const TempDir& dir, std::string_view text) {
  test::write_file(dir.file("clock.new"), text);
  std::filesystem::rename(dir.file("clock.new"), dir.file("clock"));
}

TEST_CASE("a clock file is followed while the agent runs") {
  const TempDir dir;
  TimePoint machine{y2026, 500'000};
  CHECK_FALSE(ClockFile::open(dir.file("clock"), [&] { return machine; }));
  rewrite(dir, "# as the machine\n");
  const auto file = ClockFile::open(dir.file("clock"), [&] { return machine; });
  REQUIRE(file);
  CHECK(file->boot_id().empty());
  const Clock clock = file->clock();
  CHECK(clock().wall_ms == y2026);
  CHECK(clock().boot_ms == 500'000);
  CHECK(file->synchronised()());
  // A boot that began 2 s ago, in 1970.
  rewrite(dir, "boot_offset_ms -498000\nwall_at_boot_ms 0\nsynchronised no\n");
  CHECK(clock().wall_ms == 2000);
  CHECK(clock().boot_ms == 2000);
  CHECK_FALSE(file->synchronised()());
  machine.wall_ms += 1000;
  machine.boot_ms += 1000;
  CHECK(clock().wall_ms == 3000);
  rewrite(dir, "boot_offset_ms -498000 # same boot\nwall_offset_ms -3600000\n");
  CHECK(clock().wall_ms == y2026 + 1000 - 3'600'000);
  CHECK(clock().boot_ms == 3000);
  // What cannot be read changes nothing.
  rewrite(dir, "wall_offset_ms soon\n");
  CHECK(clock().wall_ms == y2026 + 1000 - 3'600'000);
  std::filesystem::remove(dir.file("clock"));
  CHECK(clock().wall_ms == y2026 + 1000 - 3'600'000);
}

TEST_CASE("a clock file names the boot, and a bad line is named") {
  CHECK(parse_clock_script("boot_id second\n")->boot_id == "second");
  for (const char* line : {"boot_id", "synchronised maybe", "boot_offset_ms x", "tomorrow 1"}) {
    const auto script = parse_clock_script(line);
    REQUIRE_FALSE(script);
    CHECK(script.error().message.find(line) != std::string::npos);
  }
}

}  // namespace
}  // namespace godwit
