// What each durability of the buffer promises: BUFFER.md, "Promises".
#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/buffer.h"
#include "test/support/support.h"
#include "transport/frame.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::TempDir;

constexpr std::size_t width = 20;

StoredFrame ticks_from(std::uint64_t stream, std::uint64_t first, std::uint64_t count) {
  Frame frame;
  frame.stream = stream;
  frame.schema = 42;
  frame.columns.resize(width);
  for (std::uint64_t seq = first; seq < first + count; ++seq) {
    frame.seqs.push_back(seq);
    frame.times_ms.push_back(static_cast<std::int64_t>(seq) * 1000);
    for (std::size_t i = 0; i < width; ++i) {
      frame.columns[i].push_back(static_cast<double>(seq * (i + 1) % 1000) / 10);
    }
  }
  StoredFrame row;
  row.boot_id = "boot";
  fill_row(row, frame);
  return row;
}

StoredFrame next_row(const Buffer& buffer, std::uint64_t count) {
  return ticks_from(buffer.epoch(), buffer.last_seq() + 1, count);
}

BufferLimits limits_of(Durability durability) {
  BufferLimits limits;
  limits.durability = durability;
  return limits;
}

Buffer open(const std::string& path, const BufferLimits& limits) {
  auto buffer = Buffer::open(path, limits);
  if (!buffer) FAIL(buffer.error().message);
  return std::move(*buffer);
}

// Seqs of the waiting ticks, whose values are checked.
std::vector<std::uint64_t> waiting_seqs(Buffer& buffer) {
  std::vector<std::uint64_t> seqs;
  const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  REQUIRE(rows.ok());
  for (const auto& row : *rows) {
    Frame frame;
    REQUIRE(decode_frame(row.bytes, frame).ok());
    REQUIRE(frame.columns.size() == width);
    CHECK(row.first_seq == frame.first_seq());
    CHECK(row.last_seq == frame.last_seq());
    CHECK(row.ticks == frame.ticks());
    for (std::size_t t = 0; t < frame.ticks(); ++t) {
      seqs.push_back(frame.seqs[t]);
      CHECK(frame.times_ms[t] == static_cast<std::int64_t>(frame.seqs[t]) * 1000);
      CHECK(frame.columns[2][t] == static_cast<double>(frame.seqs[t] * 3 % 1000) / 10);
    }
  }
  return seqs;
}

std::string file_bytes(const std::string& path) {
  return test::read_file(path) + test::read_file(path + "-wal");
}

TEST_CASE("a row that is split in RAM is delivered in halves, and whole again after a kill") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = open(path, {});
    const StoredFrame row = next_row(buffer, 10);
    REQUIRE(buffer.append(row).ok());
    REQUIRE(buffer.append(next_row(buffer, 2)).ok());
    const std::uint64_t bytes = buffer.stats().bytes;
    REQUIRE(buffer.split(row).ok());
    CHECK(buffer.stats().rows == 3);
    CHECK(buffer.stats().ticks == 12);
    CHECK(buffer.stats().bytes > bytes);
    CHECK(waiting_seqs(buffer).size() == 12);
    REQUIRE(buffer.release(5).ok());
    CHECK(waiting_seqs(buffer).front() == 6);
    CHECK(buffer.stats().ticks == 7);
    REQUIRE(buffer.append(next_row(buffer, 1)).ok());  // tells the journal what is delivered
  }
  auto looked_at = Buffer::open_read_only(path);
  REQUIRE(looked_at.ok());
  CHECK(waiting_seqs(*looked_at).size() == 13);
  Buffer buffer = open(path, {});
  CHECK(waiting_seqs(buffer).size() == 13);
  CHECK(buffer.last_seq() == 13);
  REQUIRE(buffer.release(13).ok());
  CHECK(buffer.stats().ticks == 0);
}

TEST_CASE("what is delivered in time never reaches the file") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  const auto durability =
      GENERATE(Durability::balanced, Durability::strict, Durability::spare_flash);
  Buffer buffer = open(path, limits_of(durability));
  REQUIRE(buffer.append(next_row(buffer, 10)).ok());
  const std::string file = file_bytes(path);
  const std::string journal = test::read_file(journal_path(path));
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    REQUIRE(buffer.tend(i * 10'000).ok());
    REQUIRE(buffer.release(buffer.last_seq() - 10).ok());
  }
  CHECK(buffer.stats().ticks == 10);
  CHECK(file_bytes(path) == file);
  const bool spares = durability == Durability::spare_flash;
  CHECK((test::read_file(journal_path(path)) == journal) == spares);
}

TEST_CASE("rows that wait go to the file in few, and come back tick by tick") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  const auto durability =
      GENERATE(Durability::balanced, Durability::strict, Durability::spare_flash);
  {
    Buffer buffer = open(path, limits_of(durability));
    for (int i = 0; i < 2000; ++i) {
      REQUIRE(buffer.append(next_row(buffer, 2)).ok());
      REQUIRE(buffer.tend(static_cast<std::int64_t>(buffer.last_seq()) * 1000).ok());
    }
    CHECK(buffer.stats().ticks == 4000);
    CHECK(waiting_seqs(buffer).size() == 4000);
    REQUIRE(buffer.flush().ok());
    CHECK(buffer.stats().rows < 150);
    CHECK(buffer.stats().ticks == 4000);
  }
  Buffer buffer = open(path, limits_of(durability));
  CHECK(buffer.last_seq() == 4000);
  const auto seqs = waiting_seqs(buffer);
  REQUIRE(seqs.size() == 4000);
  for (std::size_t i = 0; i < seqs.size(); ++i) CHECK(seqs[i] == i + 1);
}

TEST_CASE("a frame in flight is not merged with what it does not hold") {
  Buffer buffer = std::move(*Buffer::open_in_memory({}));
  for (int i = 0; i < 9; ++i) REQUIRE(buffer.append(next_row(buffer, 5)).ok());
  buffer.pin(11, 25);
  REQUIRE(buffer.spill().ok());
  const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  REQUIRE(rows->size() == 3);
  CHECK((*rows)[1].first_seq == 11);
  CHECK((*rows)[1].last_seq == 25);
  REQUIRE(buffer.reject(11, 25, "told to").ok());
  CHECK(waiting_seqs(buffer).size() == 30);
}

TEST_CASE("spare-flash: rows wait in RAM for grace, or until RAM is short") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  BufferLimits limits = limits_of(Durability::spare_flash);
  Buffer buffer = open(path, limits);
  const auto in_file = [&] { return Buffer::open_read_only(path)->stats().ticks; };
  SECTION("grace") {
    for (int i = 0; i < 5; ++i) REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    // The oldest is of second 10.
    REQUIRE(buffer.tend(10'000 + limits.grace_ms - 1).ok());
    CHECK(in_file() == 0);
    REQUIRE(buffer.tend(10'000 + limits.grace_ms).ok());
    CHECK(in_file() == 50);
    CHECK(buffer.stats().rows == 1);
  }
  SECTION("a clean end") {
    REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    CHECK(in_file() == 0);
    REQUIRE(buffer.flush().ok());
    CHECK(in_file() == 10);
  }
  SECTION("RAM") {
    std::uint64_t rows = 0;
    while (in_file() == 0 && rows < 20'000) {
      REQUIRE(buffer.append(next_row(buffer, 50)).ok());
      ++rows;
      REQUIRE(buffer.stats().bytes <= (2U << 20));
    }
    CHECK(in_file() == rows * 50);
  }
}

TEST_CASE("spare-flash: schemas wait in RAM with the rows that need them") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  Buffer buffer = open(path, limits_of(Durability::spare_flash));
  const std::string file = file_bytes(path);
  REQUIRE(buffer.put_schema(41, std::nullopt, "parent").ok());
  REQUIRE(buffer.put_schema(42, 41, "child").ok());
  REQUIRE(buffer.put_schema(43, std::nullopt, "unused").ok());
  REQUIRE(buffer.append(next_row(buffer, 10)).ok());
  CHECK(buffer.extends(42, 41));
  CHECK(*buffer.drop_unused_schemas(std::nullopt) == std::vector<SchemaId>{43});
  CHECK(file_bytes(path).size() == file.size());
  REQUIRE(buffer.spill().ok());
  auto reader = Buffer::open_read_only(path);
  REQUIRE(reader.ok());
  CHECK((*reader->schema(42))->message == "child");
  CHECK(reader->extends(42, 41));
}

// Lives that end with a kill; each says how far it came.
std::uint64_t killed_life(const std::string& path, const BufferLimits& limits, int rows,
                          std::uint64_t& first) {
  int said[2];
  REQUIRE(pipe(said) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto buffer = Buffer::open(path, limits);
    std::uint64_t seqs[2] = {buffer.ok() ? buffer->last_seq() + 1 : 0, 0};
    for (int i = 0; buffer.ok() && i < rows; ++i) {
      if (!buffer->append(next_row(*buffer, 10)).ok()) _exit(1);
      if (i % 2 == 0 && !buffer->release(buffer->last_seq()).ok()) _exit(1);
      seqs[1] = buffer->last_seq();
    }
    if (write(said[1], seqs, sizeof seqs) != sizeof seqs) _exit(1);
    kill(getpid(), SIGKILL);
  }
  close(said[1]);
  std::uint64_t seqs[2] = {};
  REQUIRE(read(said[0], seqs, sizeof seqs) == sizeof seqs);
  close(said[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  first = seqs[0];
  return seqs[1];
}

TEST_CASE("seqs are never used again, whatever the durability and however a life ends") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  std::uint64_t last = 0;
  std::uint64_t epoch = 0;
  for (int life = 0; life < 12; ++life) {
    const auto durability = life < 4   ? Durability::spare_flash
                            : life < 8 ? static_cast<Durability>(life % 3)
                                       : Durability::spare_flash;
    std::uint64_t first = 0;
    const std::uint64_t reached = killed_life(path, limits_of(durability), 1 + life * 7, first);
    CHECK(first > last);
    last = reached;
    const auto reader = Buffer::open_read_only(path);
    REQUIRE(reader.ok());
    if (epoch == 0) epoch = reader->epoch();
    CHECK(reader->epoch() == epoch);
  }
  // A clean end leaves no gap.
  {
    Buffer buffer = open(path, limits_of(Durability::spare_flash));
    REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    last = buffer.last_seq();
    REQUIRE(buffer.flush().ok());
  }
  CHECK(open(path, limits_of(Durability::spare_flash)).last_seq() == last);
}

TEST_CASE("a release is lasting with the next tick that is held") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = open(path, {});
    for (int i = 0; i < 5; ++i) REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    REQUIRE(buffer.spill().ok());
    for (int i = 0; i < 3; ++i) REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    REQUIRE(buffer.release(60).ok());
    CHECK(buffer.stats().ticks == 20);
    REQUIRE(buffer.hold(next_row(buffer, 1)).ok());
    // Killed here.
  }
  {
    // Looking changes nothing.
    auto reader = Buffer::open_read_only(path);
    REQUIRE(reader.ok());
    CHECK(reader->stats().ticks == 21);
    CHECK(reader->last_seq() == 81);
  }
  Buffer buffer = open(path, {});
  CHECK(buffer.recovered_ticks() == 21);
  const auto seqs = waiting_seqs(buffer);
  REQUIRE(seqs.size() == 21);
  CHECK(seqs.front() == 61);
  CHECK(seqs.back() == 81);
  CHECK(buffer.last_seq() == 81);
}

TEST_CASE("the file shrinks in use when all is delivered, and stays small in long outages") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  Buffer buffer = open(path, {});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3000; ++i) REQUIRE(buffer.append(next_row(buffer, 10)).ok());
    while (!buffer.empty()) REQUIRE(buffer.release(buffer.oldest()->value().last_seq).ok());
    CHECK(buffer.stats().file_bytes < 100'000);
  }
  CHECK(std::filesystem::file_size(path) < 3'000'000);
  CHECK(std::filesystem::file_size(path + "-wal") < 5'000'000);
}

TEST_CASE("without a journal any more, rows go to the file at once") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  Buffer buffer = open(path, limits_of(Durability::balanced));
  REQUIRE(buffer.append(next_row(buffer, 3)).ok());
  REQUIRE(truncate(journal_path(path).c_str(), 0) == 0);
  REQUIRE(buffer.append(next_row(buffer, 3)).ok());
  REQUIRE(buffer.append(next_row(buffer, 3)).ok());
  CHECK(Buffer::open_read_only(path)->stats().ticks == 9);
  CHECK(waiting_seqs(buffer).size() == 9);
  // It is made again.
  REQUIRE(buffer.tend(100'000).ok());
  REQUIRE(buffer.hold(next_row(buffer, 2)).ok());
  CHECK(waiting_seqs(buffer).size() == 9);
  CHECK(Buffer::open_read_only(path)->stats().ticks == 11);
}

TEST_CASE("a journal that could not be read at the start is taken when it can be") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = open(path, {});
    REQUIRE(buffer.append(next_row(buffer, 4)).ok());
    REQUIRE(buffer.flush().ok());
    REQUIRE(buffer.append(next_row(buffer, 5)).ok());
    REQUIRE(buffer.hold(next_row(buffer, 2)).ok());
  }
  std::filesystem::rename(journal_path(path), dir.file("aside"));
  std::filesystem::create_directory(journal_path(path));
  {
    Buffer buffer = open(path, {});
    CHECK(buffer.recovered_ticks() == 0);
    buffer.skip_seqs(100);
    REQUIRE(buffer.append(next_row(buffer, 3)).ok());
    REQUIRE(buffer.tend(100'000).ok());
    CHECK(waiting_seqs(buffer).size() == 4 + 3);
    std::filesystem::remove(journal_path(path));
    std::filesystem::rename(dir.file("aside"), journal_path(path));
    REQUIRE(buffer.tend(200'000).ok());
    CHECK(buffer.recovered_ticks() == 7);
    CHECK(buffer.stats().ticks == 4 + 3 + 7);
    CHECK(buffer.last_seq() == 9 - 5 + 100 + 3 + 7);
    REQUIRE(buffer.tend(300'000).ok());
  }
  Buffer buffer = open(path, {});
  CHECK(buffer.recovered_ticks() == 0);
  CHECK(buffer.stats().ticks == 4 + 3 + 7);
}

}  // namespace
}  // namespace godwit
