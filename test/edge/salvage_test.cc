#include "edge/salvage.h"

#include <fstream>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "edge/buffer_open.h"
#include "test/support/support.h"
#include "transport/frame.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

constexpr std::size_t page = 4096;
constexpr std::uint64_t ticks_per_row = 5;

SchemaId put_schema(Buffer& buffer) {
  std::vector<Series> series;
  for (int i = 0; i < 40; ++i) series.push_back({concat("m_", i), {}, Kind::gauge});
  const std::string message = encode_schema(std::nullopt, series);
  REQUIRE(buffer.put_schema(schema_id_of(message), std::nullopt, message).ok());
  return schema_id_of(message);
}

StoredFrame make_row(const Buffer& buffer, SchemaId schema, std::uint64_t first,
                     std::mt19937_64& random) {
  Frame frame;
  frame.stream = buffer.epoch();
  frame.schema = schema;
  for (std::uint64_t i = 0; i < ticks_per_row; ++i) {
    frame.seqs.push_back(first + i);
    frame.times_ms.push_back(static_cast<std::int64_t>(1000 * (first + i)));
  }
  frame.columns.resize(40);
  for (auto& column : frame.columns) {
    for (std::uint64_t i = 0; i < ticks_per_row; ++i) {
      column.push_back(static_cast<double>(random() % 1'000'000) / 7);
    }
  }
  StoredFrame row;
  row.first_seq = frame.first_seq();
  row.last_seq = frame.last_seq();
  row.boot_id = "boot";
  row.first_boot_ms = frame.times_ms.front();
  row.last_boot_ms = frame.times_ms.back();
  row.schema = schema;
  row.ticks = frame.ticks();
  row.bytes = encode_frame(frame);
  return row;
}

struct Filled {
  std::uint64_t stream = 0;
  std::map<std::uint64_t, std::string> rows;  // by last seq
};

// A buffer file that was closed cleanly, so that all of it is in the main file.
Filled fill(const std::string& path, std::uint64_t rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto buffer = Buffer::open(path, {});
  REQUIRE(buffer);
  Filled filled{buffer->epoch(), {}};
  const SchemaId schema = put_schema(*buffer);
  for (std::uint64_t i = 0; i < rows; ++i) {
    const StoredFrame row = make_row(*buffer, schema, 1 + i * ticks_per_row, random);
    REQUIRE(buffer->append(row).ok());
    REQUIRE(buffer->spill().ok());
    filled.rows[row.last_seq] = row.bytes;
  }
  REQUIRE(buffer->put_boot({"boot", 1234, 2}).ok());
  REQUIRE(buffer->flush().ok());
  return filled;
}

void overwrite(const std::string& path, std::size_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.flush());
}

std::string noise(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Bad sectors, wiped pages, a lost end: what disks do.
std::string damage(const std::string& path, std::mt19937_64& random) {
  const std::size_t pages = fs::file_size(path) / page;
  std::string what;
  for (std::uint64_t i = 1 + random() % 4; i > 0; --i) {
    const std::size_t number = random() % pages;
    switch (random() % 4) {
      case 0:
        overwrite(path, number * page, noise(random, page));
        what += concat(" noise on page ", number + 1);
        break;
      case 1:
        overwrite(path, number * page, std::string(page, '\0'));
        what += concat(" zeros on page ", number + 1);
        break;
      case 2:
        overwrite(path, number * page + 512 * (random() % 8), noise(random, 512));
        what += concat(" noise in page ", number + 1);
        break;
      default:
        if (random() % 4 != 0 || number < 2) break;
        fs::resize_file(path, number * page);
        what += concat(" cut after page ", number);
        return what;
    }
  }
  return what;
}

struct Outcome {
  std::uint64_t rows = 0;
  std::uint64_t ticks = 0;
  std::uint64_t unreadable = 0;  // ticks
};

// Everything that came back is what was stored, in order.
Outcome compare(Buffer& buffer, const Filled& filled) {
  Outcome outcome;
  const auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  REQUIRE(rows);
  std::uint64_t last = 0;
  for (const auto& row : *rows) {
    REQUIRE(row.first_seq > last);
    last = row.last_seq;
    const auto stored = filled.rows.find(row.last_seq);
    REQUIRE(stored != filled.rows.end());
    // Known to have changed: the uplink counts it as unreadable.
    if (row.bytes.empty()) {
      outcome.unreadable += row.ticks;
      continue;
    }
    REQUIRE((row.bytes == stored->second));
    REQUIRE(row.boot_id == "boot");
    const auto schema = buffer.schema(row.schema);
    REQUIRE(schema);
    REQUIRE(schema->has_value());
    outcome.rows += 1;
    outcome.ticks += row.ticks;
  }
  return outcome;
}

TEST_CASE(
    "whatever pages are bad: the agent has a buffer, rows are exact, the others are counted") {
  const TempDir dir;
  const std::string sound = dir.file("sound.db");
  const Filled filled = fill(sound, 120, 7);
  const std::string path = dir.file("buffer.db");
  std::uint64_t salvaged_rows = 0;
  const char* const more = std::getenv("GODWIT_TEST_SALVAGE_SEEDS");
  const int seeds = more != nullptr ? std::atoi(more) : 150;
  for (int seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    fs::copy_file(sound, path, fs::copy_options::overwrite_existing);
    const std::string what = damage(path, random);
    CAPTURE(seed, what);
    std::uint64_t told = 0;
    BufferLimits limits;
    limits.on_loss = [&](std::uint64_t stream, std::string_view reason, const auto& seqs) {
      CHECK(stream == filled.stream);
      CHECK(reason == "damaged");
      told += seqs.size();
    };
    {
      OpenedBuffer opened = open_buffer(path, limits);
      if (opened.trouble) {
        // Only a file that says to be newer is left alone.
        REQUIRE(opened.trouble->message.find("newer") != std::string::npos);
      } else {
        const Outcome outcome = compare(opened.buffer, filled);
        if (opened.buffer.epoch() == filled.stream) {
          salvaged_rows += outcome.rows;
          const auto stats = opened.buffer.stats();
          const auto lost = stats.lost.find("damaged");
          const std::uint64_t counted = lost == stats.lost.end() ? 0 : lost->second.ticks;
          CHECK(told == counted);
          if (!opened.salvaged) {
            CHECK(outcome.ticks + outcome.unreadable == filled.rows.size() * ticks_per_row);
          }
          // The end of the stream is known from the state table, if that reads.
          if (opened.salvaged && opened.buffer.last_seq() == filled.rows.rbegin()->first) {
            CHECK(outcome.ticks + counted == filled.rows.size() * ticks_per_row);
          } else {
            CHECK(outcome.ticks + counted <= filled.rows.size() * ticks_per_row);
          }
        } else {
          CHECK(outcome.rows == 0);
        }
        // And it works: seqs go on.
        const SchemaId schema = put_schema(opened.buffer);
        REQUIRE(opened.buffer
                    .append(make_row(opened.buffer, schema, opened.buffer.last_seq() + 1, random))
                    .ok());
      }
    }
    for (const auto& entry : fs::directory_iterator(dir.path())) {
      if (entry.path() != sound) fs::remove(entry.path());
    }
  }
  // Most rows survive most damage.
  CHECK(salvaged_rows > static_cast<std::uint64_t>(seeds) * filled.rows.size() * 6 / 10);
}

TEST_CASE("one bad page costs the rows on it") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  const Filled filled = fill(path, 100, 1);
  std::mt19937_64 random(2);
  const std::size_t pages = fs::file_size(path) / page;
  overwrite(path, (pages / 2) * page, noise(random, page));
  OpenedBuffer opened = open_buffer(path, {});
  REQUIRE_FALSE(opened.trouble);
  CHECK(opened.salvaged);
  CHECK(opened.buffer.epoch() == filled.stream);
  const Outcome outcome = compare(opened.buffer, filled);
  CHECK(outcome.rows >= 95);
  CHECK(outcome.rows < 100);
  CHECK(opened.buffer.stats().lost.at("damaged").ticks == 500 - outcome.ticks);
  CHECK(opened.buffer.last_seq() == 500);
  CHECK(opened.buffer.boots()->front().offset_ms == 1234);
  CHECK(fs::exists(path + ".damaged-1"));
  CHECK_FALSE(fs::exists(path + ".salvage"));
}

TEST_CASE("a file whose first page is gone gives its rows all the same") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  const Filled filled = fill(path, 50, 1);
  overwrite(path, 0, std::string(page, '\0'));
  OpenedBuffer opened = open_buffer(path, {});
  REQUIRE_FALSE(opened.trouble);
  CHECK(opened.buffer.epoch() == filled.stream);
  CHECK(compare(opened.buffer, filled).rows == 50);
}

TEST_CASE("what was released before is not sent again, and not lost") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  const Filled filled = fill(path, 100, 1);
  {
    auto buffer = Buffer::open(path, {});
    REQUIRE(buffer);
    REQUIRE(buffer->release(250).ok());
    REQUIRE(buffer->flush().ok());
  }
  std::mt19937_64 random(2);
  overwrite(path, fs::file_size(path) - page, noise(random, page));
  OpenHints hints;
  hints.damage = Error{ErrorCode::corrupt, "told so"};
  hints.stream = filled.stream;
  hints.last_seq = 510;  // the process had stored more than reads
  hints.released = 400;
  OpenedBuffer opened = open_buffer(path, {}, hints);
  REQUIRE_FALSE(opened.trouble);
  const Outcome outcome = compare(opened.buffer, filled);
  CHECK(opened.buffer.oldest()->value().first_seq > 400);
  CHECK(opened.buffer.last_seq() == 510);
  CHECK(outcome.ticks <= 100);
}

TEST_CASE("damaged files are bounded in number and size, and a large one is not kept") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  test::write_file(path, "not a database" + std::string(5000, '!'));
  fs::resize_file(path, max_damaged_bytes + page);  // sparse
  REQUIRE_FALSE(open_buffer(path, {}).trouble);
  CHECK_FALSE(fs::exists(path + ".damaged-1"));
}

TEST_CASE("a database of another program is left alone") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  {
    auto other = Sqlite::open(path, Sqlite::Mode::create);
    REQUIRE(other);
    REQUIRE(other->execute("CREATE TABLE precious(a); INSERT INTO precious VALUES(1)").ok());
  }
  const std::string before = test::read_file(path);
  OpenedBuffer opened = open_buffer(path, {});
  REQUIRE(opened.trouble);
  CHECK(opened.trouble->message.find("another program") != std::string::npos);
  CHECK(opened.buffer.in_memory());
  CHECK(Sqlite::open(path, Sqlite::Mode::read_only)
            ->query_integer("SELECT count(*) FROM precious")
            .value() == 1);
}

TEST_CASE("an interrupted salvage is finished or begun again") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  SECTION("before the damaged file was set aside") {
    const Filled filled = fill(path, 10, 1);
    test::write_file(path + ".salvage", "a part");
    OpenedBuffer opened = open_buffer(path, {});
    REQUIRE_FALSE(opened.trouble);
    CHECK(compare(opened.buffer, filled).rows == 10);
  }
  SECTION("after it") {
    const Filled filled = fill(path + ".salvage", 10, 1);
    OpenedBuffer opened = open_buffer(path, {});
    REQUIRE_FALSE(opened.trouble);
    CHECK(compare(opened.buffer, filled).rows == 10);
  }
  CHECK_FALSE(fs::exists(path + ".salvage"));
}

}  // namespace
}  // namespace godwit
