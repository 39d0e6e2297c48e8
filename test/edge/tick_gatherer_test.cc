#include "edge/tick_gatherer.h"

#include <catch2/catch.hpp>

#include "edge/buffer_keeper.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::TempDir;

std::vector<Sample> samples(std::size_t width, double value) {
  std::vector<Sample> all;
  for (std::size_t i = 0; i < width; ++i) {
    all.push_back({{concat("m", i), {}, Kind::gauge}, value + static_cast<double>(i)});
  }
  return all;
}

Buffer file(const std::string& path) {
  auto buffer = Buffer::open(path, {});
  if (!buffer) FAIL(buffer.error().message);
  return std::move(*buffer);
}

Buffer memory() { return std::move(*Buffer::open_in_memory({})); }

// Every tick of the waiting rows: seq, boot time, values.
struct Tick {
  std::uint64_t seq;
  std::int64_t boot_ms;
  std::vector<double> values;
};
std::vector<Tick> ticks_of(Buffer& buffer) {
  std::vector<Tick> all;
  const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  for (const auto& row : *rows) {
    Frame frame;
    REQUIRE(decode_frame(row.bytes, frame).ok());
    CHECK(row.first_seq == frame.first_seq());
    CHECK(row.last_seq == frame.last_seq());
    CHECK(row.ticks == frame.ticks());
    CHECK(frame.stream == buffer.epoch());
    CHECK(buffer.schema(row.schema)->has_value());
    for (std::size_t t = 0; t < frame.ticks(); ++t) {
      Tick tick{frame.seqs[t], frame.times_ms[t], {}};
      for (const auto& column : frame.columns) tick.values.push_back(column[t]);
      all.push_back(std::move(tick));
    }
  }
  return all;
}

TEST_CASE("ticks become one row per flush, numbered without gaps") {
  Buffer buffer = memory();
  TickGatherer gatherer("boot");
  gatherer.move_to(buffer);
  for (int i = 0; i < 5; ++i) REQUIRE(gatherer.add(samples(3, i), i * 1000, buffer).ok());
  CHECK(buffer.empty());
  REQUIRE(gatherer.flush(buffer).ok());
  REQUIRE(gatherer.flush(buffer).ok());  // nothing left
  // A new series extends the schema within a row.
  REQUIRE(gatherer.add(samples(3, 5), 5000, buffer).ok());
  REQUIRE(gatherer.add(samples(4, 6), 6000, buffer).ok());
  // A reading that is a moment older does not turn time back.
  REQUIRE(gatherer.add(samples(3, 7), 5900, buffer).ok());
  REQUIRE(gatherer.flush(buffer).ok());
  CHECK(buffer.stats().rows == 2);
  const auto ticks = ticks_of(buffer);
  REQUIRE(ticks.size() == 8);
  for (std::size_t i = 0; i < ticks.size(); ++i) CHECK(ticks[i].seq == i + 1);
  CHECK(is_absent(ticks[5].values[3]));
  CHECK(ticks[6].values[3] == 9);
  CHECK(ticks[7].boot_ms == 6000);
}

TEST_CASE("what was taken and not flushed comes back, once") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  std::size_t flushed = 3;
  SECTION("after a row") {}
  SECTION("without any row") { flushed = 0; }
  SECTION("more than are encoded at once") { flushed = 40; }
  {
    Buffer buffer = file(path);
    TickGatherer gatherer("boot-1");
    gatherer.move_to(buffer);
    for (std::size_t i = 0; i < 50; ++i) {
      REQUIRE(gatherer
                  .add(samples(i > 44 ? 3 : 2, static_cast<double>(i)),
                       static_cast<std::int64_t>(i), buffer)
                  .ok());
      if (i + 1 == flushed) REQUIRE(gatherer.flush(buffer).ok());
    }
    // Killed here.
  }
  {
    Buffer buffer = file(path);
    CHECK(buffer.recovered_ticks() == 50);
    TickGatherer next("boot-2");
    next.move_to(buffer);
    REQUIRE(next.add(samples(2, 50), 50, buffer).ok());
    REQUIRE(next.flush(buffer).ok());
    const auto ticks = ticks_of(buffer);
    REQUIRE(ticks.size() == 51);
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      CHECK(ticks[i].seq == i + 1);
      CHECK(ticks[i].values[0] == static_cast<double>(i));
    }
    const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
    CHECK(rows->front().boot_id == "boot-1");
    CHECK(rows->back().boot_id == "boot-2");
    REQUIRE(buffer.flush().ok());
  }
  Buffer third = file(path);
  CHECK(third.recovered_ticks() == 0);
  CHECK(ticks_of(third).size() == 51);
}

TEST_CASE("a crash between storing rows and writing over the journal repeats nothing") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  std::string journal_bytes;
  {
    Buffer buffer = file(path);
    TickGatherer gatherer("boot");
    gatherer.move_to(buffer);
    for (int i = 0; i < 3; ++i) REQUIRE(gatherer.add(samples(2, i), i, buffer).ok());
    REQUIRE(gatherer.flush(buffer).ok());
    journal_bytes = test::read_file(journal_path(path));
    REQUIRE(buffer.spill().ok());
  }
  test::write_file(journal_path(path), journal_bytes);
  Buffer buffer = file(path);
  CHECK(buffer.recovered_ticks() == 0);
  CHECK(ticks_of(buffer).size() == 3);
}

TEST_CASE("the journal outlives a file that is gone: its ticks are numbered anew, once") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = file(path);
    TickGatherer gatherer("boot");
    gatherer.move_to(buffer);
    for (int i = 0; i < 3; ++i) REQUIRE(gatherer.add(samples(2, i), i, buffer).ok());
  }
  for (const char* name : {"buffer.db", "buffer.db-wal", "buffer.db-shm"}) {
    std::filesystem::remove(dir.path() / name);
  }
  for (int life = 0; life < 2; ++life) {
    Buffer buffer = file(path);
    // The schemas went with the file: the ticks come back all the same.
    CHECK(buffer.recovered_ticks() == (life == 0 ? 3 : 0));
    const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
    REQUIRE(rows->size() == 1);
    CHECK(rows->front().first_seq == 1);
    CHECK(rows->front().last_seq == 3);
  }
}

TEST_CASE("ticks that are gathered move to another buffer under its numbers") {
  Buffer first = memory();
  Buffer second = memory();
  second.skip_seqs(50);
  TickGatherer gatherer("boot");
  gatherer.move_to(first);
  for (int i = 0; i < 3; ++i) REQUIRE(gatherer.add(samples(2, i), i, first).ok());
  gatherer.move_to(second);
  REQUIRE(gatherer.flush(second).ok());
  const auto ticks = ticks_of(second);
  REQUIRE(ticks.size() == 3);
  CHECK(ticks.front().seq == 51);
}

TEST_CASE("what no buffer takes is counted by the next one that does") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  REQUIRE(file(path).flush().ok());
  auto broken = Buffer::open_read_only(path);
  REQUIRE(broken.ok());
  TickGatherer gatherer("boot");
  gatherer.move_to(*broken);
  for (int i = 0; i < 1003; ++i) CHECK_FALSE(gatherer.add(samples(2, i), i, *broken).ok());
  CHECK(gatherer.gathered_ticks() == 1000);
  Buffer buffer = memory();
  gatherer.move_to(buffer);
  REQUIRE(gatherer.flush(buffer).ok());
  CHECK(ticks_of(buffer).size() == 1000);
  CHECK(buffer.stats().lost.at("no_buffer").ticks == 3);
  CHECK(buffer.stats().lost.at("no_buffer").samples == 6);
  REQUIRE(gatherer.add(samples(2, 0), 2000, buffer).ok());
  REQUIRE(gatherer.flush(buffer).ok());
  CHECK(buffer.stats().lost.at("no_buffer").ticks == 3);
}

TEST_CASE("a schema that was dropped meanwhile is stored again when its series come back") {
  Buffer buffer = memory();
  SchemaBuilderOptions forgetful;
  forgetful.idle_ms = 1000;
  TickGatherer gatherer("boot", forgetful);
  gatherer.move_to(buffer);
  const std::vector<Sample> many = samples(6, 1);
  const std::vector<Sample> other = {{{"other", {}, Kind::gauge}, 1}};
  REQUIRE(gatherer.add(many, 0, buffer).ok());
  const SchemaId first = *gatherer.schema();
  for (std::int64_t ms = 10'000; *gatherer.schema() == first || ms < 30'000; ms += 10'000) {
    REQUIRE(ms < 100'000);
    REQUIRE(gatherer.add(other, ms, buffer).ok());
  }
  REQUIRE(gatherer.flush(buffer).ok());
  REQUIRE(buffer.release(buffer.last_seq()).ok());
  CHECK_FALSE(buffer.drop_unused_schemas(gatherer.schema())->empty());
  gatherer.forget_old_schemas();
  REQUIRE_FALSE(*buffer.has_schema(first));
  for (std::int64_t ms = 200'000; *gatherer.schema() != first; ms += 10'000) {
    REQUIRE(ms < 300'000);
    REQUIRE(gatherer.add(many, ms, buffer).ok());
  }
  REQUIRE(gatherer.flush(buffer).ok());
  const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  CHECK(rows->back().schema == first);
  for (const auto& row : *rows) CHECK(*buffer.has_schema(row.schema));
}

TEST_CASE(
    "ticks that are gathered keep their schema when the buffer and the series change at once") {
  Buffer first = memory();
  Buffer second = memory();
  TickGatherer gatherer("boot");
  gatherer.move_to(first);
  REQUIRE(gatherer.add(samples(2, 1), 0, first).ok());
  gatherer.move_to(second);
  // All series are others, and so many that the old ones are not worth their columns.
  std::vector<Sample> others;
  for (int i = 0; i < 50; ++i) others.push_back({{concat("o", i), {}, Kind::gauge}, 1});
  for (std::int64_t ms = 4'000'000; second.stats().rows == 0; ms += 4'000'000) {
    REQUIRE(ms < 40'000'000);
    REQUIRE(gatherer.add(others, ms, second).ok());
  }
  const auto rows = second.peek(0, UINT64_MAX, UINT64_MAX);
  for (const auto& row : *rows) CHECK(*second.has_schema(row.schema));
}

TEST_CASE("a row that does not read is declared with all seqs that it may hold") {
  std::vector<std::uint64_t> told;
  BufferLimits limits;
  limits.on_loss = [&](std::uint64_t, std::string_view reason, const auto& seqs) {
    CHECK(reason == "unreadable");
    told.insert(told.end(), seqs.begin(), seqs.end());
  };
  Buffer from = std::move(*Buffer::open_in_memory(limits));
  Buffer to = memory();
  StoredFrame row;
  row.first_seq = 3;
  row.last_seq = 7;
  row.boot_id = "boot";
  row.ticks = 4;
  row.bytes = "no frame";
  REQUIRE(from.append(row).ok());
  REQUIRE(move_waiting_rows(from, to).ok());
  CHECK(told == std::vector<std::uint64_t>{3, 4, 5, 6, 7});
  CHECK(to.stats().lost.at("unreadable").ticks == 4);
}

TEST_CASE("rows that waited in RAM move to the file when it works again") {
  Buffer ram = memory();
  Buffer file = memory();
  file.skip_seqs(9);
  TickGatherer gatherer("boot");
  gatherer.move_to(ram);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(gatherer.add(samples(2, i), i, ram).ok());
    if (i % 2 == 1) REQUIRE(gatherer.flush(ram).ok());
  }
  REQUIRE(ram.put_boot({"boot", 1234, 2}).ok());
  REQUIRE(move_waiting_rows(ram, file).ok());
  CHECK(ram.empty());
  const auto ticks = ticks_of(file);
  REQUIRE(ticks.size() == 4);
  CHECK(ticks.front().seq == 10);
  CHECK(ticks.back().seq == 13);
  CHECK(file.boots()->front().offset_ms == 1234);
}

TEST_CASE("the keeper falls back to RAM and returns to the file") {
  const TempDir dir;
  std::filesystem::create_directories(dir.path() / "buffer.db");  // in the way
  BufferKeeper keeper(dir.file("buffer.db"), {});
  REQUIRE(keeper.trouble());
  TickGatherer gatherer("boot");
  gatherer.move_to(keeper.buffer());
  REQUIRE(gatherer.add(samples(2, 1), 1, keeper.buffer()).ok());
  REQUIRE(gatherer.flush(keeper.buffer()).ok());
  CHECK_FALSE(keeper.retry(1000));
  std::filesystem::remove(dir.path() / "buffer.db");
  CHECK_FALSE(keeper.retry(1500));  // not before a second is over
  REQUIRE(keeper.retry(100'000));
  CHECK_FALSE(keeper.trouble());
  CHECK_FALSE(keeper.buffer().in_memory());
  CHECK(ticks_of(keeper.buffer()).size() == 1);
  // A write that fails for good: RAM again, and the file keeps what it has.
  keeper.replace(Error{ErrorCode::io, "told to fail"}, 100'000);
  CHECK(keeper.buffer().in_memory());
  REQUIRE(keeper.retry(200'000));
  CHECK(ticks_of(keeper.buffer()).size() == 1);
}

}  // namespace
}  // namespace godwit
