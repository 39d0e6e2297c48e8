#include "edge/buffer.h"

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/support.h"
#include "transport/frame.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::TempDir;

StoredFrame row(std::uint64_t first, std::uint64_t last, std::size_t size = 1500) {
  StoredFrame frame;
  frame.first_seq = first;
  frame.last_seq = last;
  frame.boot_id = "boot-a";
  frame.first_boot_ms = static_cast<std::int64_t>(first) * 1000;
  frame.last_boot_ms = static_cast<std::int64_t>(last) * 1000;
  frame.schema = 0xfedc'ba98'7654'3210;
  frame.ticks = last - first + 1;
  frame.bytes = std::string(size, static_cast<char>('a' + last % 26));
  return frame;
}

std::vector<StoredFrame> all(Buffer& buffer) {
  auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  REQUIRE(rows.ok());
  return std::move(*rows);
}

Buffer open(const std::string& path, BufferLimits limits = {}) {
  auto buffer = Buffer::open(path, limits);
  if (!buffer) FAIL(buffer.error().message);
  return std::move(*buffer);
}

TEST_CASE("rows come back oldest first, byte for byte, also after reopening") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  std::uint64_t epoch = 0;
  {
    Buffer buffer = open(path);
    epoch = buffer.epoch();
    CHECK(epoch != 0);
    CHECK(buffer.last_seq() == 0);
    REQUIRE(buffer.append(row(1, 10)).ok());
    StoredFrame other = row(11, 20, 9000);
    other.boot_id = "boot-b";
    REQUIRE(buffer.append(other).ok());
  }
  Buffer buffer = open(path);
  CHECK(buffer.epoch() == epoch);
  CHECK(buffer.last_seq() == 20);
  const auto rows = all(buffer);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].bytes == row(1, 10).bytes);
  CHECK(rows[0].boot_id == "boot-a");
  CHECK(rows[0].schema == 0xfedc'ba98'7654'3210);
  CHECK(rows[0].first_boot_ms == 1000);
  CHECK(rows[0].last_boot_ms == 10'000);
  CHECK(rows[1].boot_id == "boot-b");
  CHECK(rows[1].bytes.size() == 9000);
  const BufferStats stats = buffer.stats();
  CHECK(stats.rows == 2);
  CHECK(stats.ticks == 20);
  CHECK(stats.bytes == 10'500);
}

TEST_CASE("peek keeps to its bounds but always gives one row") {
  Buffer buffer = std::move(*Buffer::open_in_memory({}));
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(buffer.append(row(i * 10 + 1, i * 10 + 10)).ok());
  CHECK(buffer.peek(0, 1, 1)->size() == 1);
  CHECK(buffer.peek(0, 4500, 1000)->size() == 3);
  CHECK(buffer.peek(0, 1'000'000, 45)->size() == 4);
  const auto behind = buffer.peek(30, 1'000'000, 1000);
  REQUIRE(behind->size() == 7);
  CHECK(behind->front().first_seq == 31);
}

TEST_CASE("released rows are gone at once, and after flush for good") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = open(path);
    for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(buffer.append(row(i + 1, i + 1)).ok());
    REQUIRE(buffer.release(3).ok());
    CHECK(all(buffer).size() == 2);
    CHECK(buffer.stats().ticks == 2);
    REQUIRE(buffer.release(2).ok());  // late ack: nothing
    CHECK(buffer.stats().ticks == 2);
  }
  {
    // Not flushed: sent again after a crash, not lost.
    Buffer buffer = open(path);
    CHECK(all(buffer).size() == 5);
    REQUIRE(buffer.release(5).ok());
    REQUIRE(buffer.flush().ok());
  }
  Buffer buffer = open(path);
  CHECK(all(buffer).empty());
  // Seqs are never used twice, though no row is left to tell.
  CHECK(buffer.last_seq() == 5);
}

TEST_CASE("rejected rows are counted and kept aside, the others stay") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    Buffer buffer = open(path);
    for (std::uint64_t i = 0; i < 600; ++i) REQUIRE(buffer.append(row(i + 1, i + 1, 10)).ok());
    REQUIRE(buffer.reject(1, 500, "too_old").ok());
    REQUIRE(buffer.reject(501, 501, "future").ok());
    CHECK(all(buffer).size() == 99);
    CHECK(buffer.stats().dead_ticks == 501);
  }
  Buffer buffer = open(path);
  CHECK(buffer.stats().dead_by_reason.at("too_old") == 500);
  CHECK(buffer.stats().dead_by_reason.at("future") == 1);
  CHECK(all(buffer).size() == 99);
}

TEST_CASE("a row is split into two that hold its ticks") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  Frame frame;
  frame.stream = 5;
  frame.schema = row(11, 20).schema;
  frame.columns.resize(2);
  for (const std::uint64_t seq : {11, 12, 14, 17, 20}) {
    frame.seqs.push_back(seq);
    frame.times_ms.push_back(static_cast<std::int64_t>(seq) * 1000);
    for (auto& column : frame.columns) column.push_back(static_cast<double>(seq) / 3);
  }
  StoredFrame whole = row(11, 20);
  whole.ticks = 5;
  whole.level = 2;
  whole.bytes = encode_frame(frame);
  {
    Buffer buffer = open(path);
    REQUIRE(buffer.append(row(1, 10)).ok());
    REQUIRE(buffer.append(whole).ok());
    REQUIRE(buffer.append(row(21, 30)).ok());
    REQUIRE(buffer.spill().ok());
    const BufferStats before = buffer.stats();
    CHECK_FALSE(buffer.split(row(1, 10)).ok());  // no frame
    CHECK(buffer.stats().bytes == before.bytes);
    REQUIRE(buffer.split(whole).ok());
    CHECK(buffer.stats().ticks == before.ticks);
    CHECK(buffer.stats().rows == 4);
    CHECK(buffer.stats().levels[2].rows == 2);
  }
  Buffer buffer = open(path);
  const auto rows = all(buffer);
  REQUIRE(rows.size() == 4);
  CHECK(rows[1].first_seq == 11);
  CHECK(rows[1].last_seq == 12);
  CHECK(rows[1].last_boot_ms == 12'000);
  CHECK(rows[2].first_seq == 14);
  CHECK(rows[2].last_seq == 20);
  CHECK(rows[2].first_boot_ms == 14'000);
  CHECK(rows[2].schema == whole.schema);
  CHECK(rows[2].level == 2);
  Frame half;
  REQUIRE(decode_frame(rows[2].bytes, half).ok());
  CHECK(half.seqs == std::vector<std::uint64_t>{14, 17, 20});
  REQUIRE(buffer.release(12).ok());
  CHECK(all(buffer).size() == 2);
  CHECK(buffer.stats().ticks == 13);
}

TEST_CASE("the byte bound drops the oldest, counts it, and the file stays within reach") {
  const TempDir dir;
  BufferLimits limits;
  limits.max_bytes = 400'000;
  Buffer buffer = open(dir.file("buffer.db"), limits);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    REQUIRE(buffer.append(row(i * 10 + 1, i * 10 + 10)).ok());
    // An acknowledged row now and then, so that both ways of leaving meet.
    if (i % 10 == 0) REQUIRE(buffer.release((*buffer.oldest())->last_seq).ok());
  }
  const BufferStats stats = buffer.stats();
  CHECK(stats.file_bytes <= limits.max_bytes + 40'000);
  CHECK(stats.ticks > 1000);
  const auto rows = all(buffer);
  CHECK(rows.back().last_seq == 10'000);
  CHECK(stats.lost.at("full").ticks + stats.ticks + 1000 == 10'000);
  CHECK(std::filesystem::file_size(dir.file("buffer.db")) <= limits.max_bytes + 100'000);
  CHECK(std::filesystem::file_size(dir.file("buffer.db-wal")) <= 5'000'000);
}

TEST_CASE("whoever asks is told the seqs of what is lost") {
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> told;
  BufferLimits limits;
  limits.on_loss = [&](std::uint64_t, std::string_view reason,
                       const std::vector<std::uint64_t>& seqs) { told.emplace_back(reason, seqs); };
  Buffer buffer = std::move(*Buffer::open_in_memory(limits));
  Frame frame;
  frame.stream = buffer.epoch();
  frame.seqs = {1, 4};
  frame.times_ms = {1000, 4000};
  StoredFrame with_gap = row(1, 4);
  with_gap.bytes = encode_frame(frame);
  REQUIRE(buffer.append(with_gap).ok());
  REQUIRE(buffer.append(row(5, 6)).ok());  // no frame at all
  REQUIRE(buffer.drop_oldest("age").ok());
  REQUIRE(buffer.reject(5, 6, "unreadable").ok());
  REQUIRE(told.size() == 2);
  CHECK(told[0].first == "age");
  CHECK(told[0].second == std::vector<std::uint64_t>{1, 4});
  CHECK(told[1].first == "unreadable");
  CHECK(told[1].second == std::vector<std::uint64_t>{5, 6});
}

TEST_CASE("schemas live as long as a row needs their chain") {
  Buffer buffer = std::move(*Buffer::open_in_memory({}));
  REQUIRE(buffer.put_schema(1, std::nullopt, "root").ok());
  REQUIRE(buffer.put_schema(2, 1, "child").ok());
  REQUIRE(buffer.put_schema(3, 2, "grandchild").ok());
  REQUIRE(buffer.put_schema(UINT64_MAX, std::nullopt, "other").ok());
  StoredFrame frame = row(1, 1);
  frame.schema = 2;
  REQUIRE(buffer.append(frame).ok());
  CHECK(*buffer.drop_unused_schemas(UINT64_MAX) == std::vector<SchemaId>{3});
  const auto child = buffer.schema(2);
  REQUIRE((child.ok() && child->has_value()));
  CHECK((*child)->parent == SchemaId{1});
  CHECK((*child)->message == "child");
  CHECK_FALSE(buffer.schema(3)->has_value());
  REQUIRE(buffer.release(1).ok());
  CHECK(buffer.drop_unused_schemas(std::nullopt)->size() == 3);
}

TEST_CASE("boots are remembered") {
  const TempDir dir;
  {
    Buffer buffer = open(dir.file("b.db"));
    REQUIRE(buffer.append(row(1, 1)).ok());
    REQUIRE(buffer.put_boot({"boot-a", 1'795'000'000'000, 2}).ok());
    for (int i = 0; i < 50; ++i) {
      REQUIRE(buffer.put_boot({concat("boot-", i), std::nullopt, 0}).ok());
    }
  }
  Buffer buffer = open(dir.file("b.db"));
  const auto boots = buffer.boots();
  REQUIRE(boots.ok());
  CHECK(boots->size() == 9);
  CHECK(boots->front().boot_id == "boot-a");
  CHECK(boots->front().offset_ms == 1'795'000'000'000);
  CHECK(boots->front().quality == 2);
  CHECK_FALSE(boots->back().offset_ms);
}

TEST_CASE("a killed writer loses no committed row") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  int progress[2];
  REQUIRE(pipe(progress) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto buffer = Buffer::open(path, {});
    for (std::uint64_t i = 1; buffer.ok(); ++i) {
      if (!buffer->append(row(i, i)).ok()) break;
      if (i % 7 == 0 && !buffer->release(i - 5).ok()) break;
      if (write(progress[1], &i, sizeof i) != sizeof i) break;
    }
    _exit(1);
  }
  close(progress[1]);
  std::uint64_t stored = 0;
  while (stored < 300 && read(progress[0], &stored, sizeof stored) == sizeof stored) {
  }
  kill(child, SIGKILL);
  while (read(progress[0], &stored, sizeof stored) == sizeof stored) {
  }
  close(progress[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  Buffer buffer = open(path);
  CHECK(buffer.last_seq() >= stored);
  const auto rows = all(buffer);
  REQUIRE_FALSE(rows.empty());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].last_seq == rows[0].last_seq + i);
    CHECK(rows[i].bytes == row(rows[i].first_seq, rows[i].last_seq).bytes);
  }
  CHECK(rows.back().last_seq == buffer.last_seq());
  // Nothing above the last release that the child can have made is missing.
  CHECK(rows.front().last_seq <= stored - 4);
}

TEST_CASE("a live buffer can be looked at, not changed") {
  const TempDir dir;
  Buffer writer = open(dir.file("buffer.db"));
  REQUIRE(writer.append(row(1, 10)).ok());
  auto reader = Buffer::open_read_only(dir.file("buffer.db"));
  REQUIRE(reader.ok());
  CHECK(reader->stats().ticks == 10);
  CHECK(reader->epoch() == writer.epoch());
  CHECK_FALSE(reader->append(row(11, 11)).ok());
  REQUIRE(writer.append(row(11, 20)).ok());
}

TEST_CASE("damaged and foreign files are told apart from newer ones") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  SECTION("no database at all") {
    test::write_file(path, std::string(10'000, 'x'));
    const auto buffer = Buffer::open(path, {});
    REQUIRE_FALSE(buffer.ok());
    CHECK(buffer.error().code == ErrorCode::corrupt);
  }
  SECTION("pages overwritten") {
    {
      Buffer buffer = open(path);
      for (std::uint64_t i = 1; i < 100; ++i) REQUIRE(buffer.append(row(i, i)).ok());
      REQUIRE(buffer.flush().ok());
    }
    std::string bytes = test::read_file(path);
    for (std::size_t i = 8192; i < 60'000; ++i) bytes[i] = '\x5a';
    test::write_file(path, bytes);
    const auto buffer = Buffer::open(path, {});
    REQUIRE_FALSE(buffer.ok());
    CHECK(buffer.error().code == ErrorCode::corrupt);
  }
  SECTION("cut off") {
    {
      Buffer buffer = open(path);
      for (std::uint64_t i = 1; i < 100; ++i) REQUIRE(buffer.append(row(i, i)).ok());
    }
    std::filesystem::resize_file(path, 30'000);
    const auto buffer = Buffer::open(path, {});
    REQUIRE_FALSE(buffer.ok());
    CHECK(buffer.error().code == ErrorCode::corrupt);
  }
  SECTION("written by a newer agent") {
    { open(path); }
    auto db = Sqlite::open(path, Sqlite::Mode::create);
    REQUIRE(db.ok());
    REQUIRE(db->execute("PRAGMA user_version=99").ok());
    const auto buffer = Buffer::open(path, {});
    REQUIRE_FALSE(buffer.ok());
    CHECK(buffer.error().code == ErrorCode::invalid);
    CHECK(buffer.error().message.find("newer") != std::string::npos);
  }
}

}  // namespace
}  // namespace godwit
