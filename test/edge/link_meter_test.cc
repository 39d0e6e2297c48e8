#include "edge/link_meter.h"

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

constexpr std::int64_t hour = 3'600'000;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t noon = 1'795'262'400'000;  // 2026-11-21 12:00 UTC
constexpr std::uint64_t plenty = 1U << 30;

LinkStats wire(std::uint64_t sent, std::uint64_t received) {
  LinkStats stats;
  stats.sent_wire_bytes = sent;
  stats.received_wire_bytes = received;
  return stats;
}

TEST_CASE("days are UTC and months begin on the billing day") {
  CHECK(day_of(noon).begin_ms == noon - 12 * hour);
  CHECK(day_of(noon).end_ms == noon + 12 * hour);
  CHECK(day_of(noon - 12 * hour).begin_ms == noon - 12 * hour);
  CHECK(month_of(noon, 1).begin_ms == noon - 12 * hour - 20 * day);
  CHECK(month_of(noon, 1).end_ms == noon - 12 * hour + 10 * day);
  CHECK(month_of(noon, 21).begin_ms == noon - 12 * hour);
  CHECK(month_of(noon, 22).begin_ms == noon - 12 * hour - 30 * day);  // 22 October
  CHECK(month_of(noon, 22).end_ms == noon + 12 * hour);
}

TEST_CASE("bytes are counted by day and month, both ways") {
  LinkMeter meter("", 1, plenty);
  meter.count(wire(100, 10), noon);
  meter.count(wire(150, 30), noon + hour);
  meter.count(wire(157, 30), noon + day);
  CHECK(meter.day(noon).sent_bytes == 150);
  CHECK(meter.day(noon).received_bytes == 30);
  CHECK(meter.day(noon + day).total() == 7);
  CHECK(meter.month(noon).total() == 187);
  CHECK(meter.month(noon + 20 * day).total() == 0);
}

TEST_CASE("bytes of a time without a clock join the first day that is known") {
  LinkMeter meter("", 1, plenty);
  meter.count(wire(100, 10), std::nullopt);
  CHECK(meter.undated().total() == 110);
  CHECK(meter.day(noon).total() == 0);
  meter.count(wire(105, 10), noon);
  CHECK(meter.undated().total() == 0);
  CHECK(meter.day(noon).total() == 115);
}

TEST_CASE("a clock that steps away and back goes on where it was") {
  LinkMeter meter("", 1, plenty);
  meter.count(wire(100, 0), noon);
  meter.count(wire(101, 0), noon + 3650 * day);
  meter.count(wire(111, 0), noon + 1);
  meter.count(wire(112, 0), noon - 2 * day);
  meter.count(wire(122, 0), noon + 2);
  CHECK(meter.day(noon).sent_bytes == 120);
  CHECK(meter.day(noon + 3650 * day).sent_bytes == 1);
  CHECK(meter.day(noon - 2 * day).sent_bytes == 1);
  CHECK(meter.month(noon).sent_bytes == 121);
}

TEST_CASE("the meter outlives the process; a kill costs a bounded part") {
  const test::TempDir dir;
  const std::string path = dir.file("buffer.db.meter");
  {
    LinkMeter meter(path, 1, plenty);
    meter.count(wire(3, 4), std::nullopt);
    meter.count(wire(1003, 4), noon);
    REQUIRE(meter.save().ok());
  }
  {
    LinkMeter meter(path, 1, plenty);
    CHECK(meter.day(noon).sent_bytes == 1003);
    for (std::uint64_t sent = 0; sent <= 100'000; sent += 1000) meter.count(wire(sent, 0), noon);
    // Killed here.
  }
  LinkMeter meter(path, 1, plenty);
  CHECK(meter.day(noon).sent_bytes >= 1003 + 50'000);
  CHECK(meter.day(noon).sent_bytes <= 1003 + 100'000);
  const std::uint64_t before = meter.day(noon).sent_bytes;
  {
    LinkMeter tight(path, 1, 100);
    for (std::uint64_t sent = 0; sent <= 100'000; sent += 50) tight.count(wire(sent, 0), noon);
  }
  CHECK(LinkMeter::read(path)->day(noon).sent_bytes >= before + 100'000 - 100);
  CHECK(test::read_file(path).size() == 512);
}

TEST_CASE("a small part of what the month has cost is not worth a write") {
  const test::TempDir dir;
  const std::string path = dir.file("buffer.db.meter");
  {
    LinkMeter meter(path, 1, plenty);
    meter.count(wire(100'000'000, 0), noon);
    REQUIRE(meter.save().ok());
  }
  const std::string stored = test::read_file(path);
  LinkMeter meter(path, 1, plenty);
  for (std::uint64_t sent = 0; sent <= 300'000; sent += 1000) meter.count(wire(sent, 0), noon);
  CHECK(test::read_file(path) == stored);
  meter.count(wire(400'000, 0), noon);
  CHECK(LinkMeter::read(path)->day(noon).sent_bytes == 100'400'000);
}

TEST_CASE(
    "a meter that is damaged, short or cannot be written is begun anew, and counting goes on") {
  const test::TempDir dir;
  const std::string path = dir.file("buffer.db.meter");
  const auto content = GENERATE(std::string(), std::string("x"), std::string(512, '\n'),
                                std::string("godwit link meter 1\nd 1 2 3\n"));
  test::write_file(path, content);
  LinkMeter meter(path, 1, plenty);
  meter.count(wire(10, 0), noon);
  CHECK(meter.day(noon).sent_bytes == 10);
  REQUIRE(meter.save().ok());
  std::string bytes = test::read_file(path);
  CHECK(LinkMeter::read(path).ok());
  bytes[25] = static_cast<char>(bytes[25] ^ 1);
  test::write_file(path, bytes);
  CHECK_FALSE(LinkMeter::read(path).ok());

  LinkMeter nowhere(dir.file("no/such/folder"), 1, 1);
  nowhere.count(wire(10, 0), noon);
  CHECK(nowhere.day(noon).sent_bytes == 10);
  CHECK_FALSE(nowhere.save().ok());
}

}  // namespace
}  // namespace godwit
