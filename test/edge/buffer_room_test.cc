// What Buffer does when it is nearly full: merging, thinning, dropping, and the account of it.
#include <bit>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/buffer.h"
#include "test/support/support.h"
#include "transport/schema.h"

namespace godwit {
namespace {

using test::TempDir;
namespace fs = std::filesystem;

constexpr std::uint64_t kib = 1024;

// Makes rows as the agent does: a few ticks each, series with periods of their own, now and then a
// new boot or a schema with more series.
class Source {
 public:
  Source(std::uint64_t seed, std::size_t series) : random_(seed) { grow(series); }

  StoredFrame row(std::uint64_t stream, std::uint64_t first_seq, std::size_t ticks) {
    Frame frame;
    frame.stream = stream;
    frame.schema = schema_;
    frame.columns.assign(series_.size(), std::vector<double>(ticks, absent));
    for (std::size_t t = 0; t < ticks; ++t) {
      frame.seqs.push_back(first_seq + t);
      frame.times_ms.push_back(now_ms_ += 1000);
      for (std::size_t i = 0; i < series_.size(); ++i) {
        if ((first_seq + t) % every(i) == 0) frame.columns[i][t] = value(i);
      }
    }
    StoredFrame row;
    row.first_seq = first_seq;
    row.last_seq = frame.last_seq();
    row.boot_id = boot();
    row.first_boot_ms = frame.times_ms.front();
    row.last_boot_ms = frame.times_ms.back();
    row.schema = schema_;
    row.ticks = ticks;
    row.bytes = encode_frame(frame);
    return row;
  }

  // A child schema with `more` series behind the ones that are there. Every tenth is info.
  void grow(std::size_t more) {
    std::vector<Series> added;
    for (std::size_t n = 0; n < more; ++n) {
      const std::size_t i = series_.size() + n;
      added.push_back({"s" + std::to_string(i), {}, i % 10 == 9 ? Kind::info : Kind::gauge});
    }
    parent_ = schema_ == 0 ? std::nullopt : std::optional(schema_);
    message_ = encode_schema(parent_, added);
    schema_ = schema_id_of(message_);
    series_.insert(series_.end(), added.begin(), added.end());
  }
  Status put_schema(Buffer& buffer) const { return buffer.put_schema(schema_, parent_, message_); }
  void reboot() {
    ++boots_;
    now_ms_ = 0;
  }

  std::mt19937_64& random() { return random_; }

 private:
  [[nodiscard]] std::string boot() const { return "boot-" + std::to_string(boots_); }
  // Ticks between two values of series i.
  static std::uint64_t every(std::size_t i) { return i % 10 == 9 ? 30 : i % 7 == 6 ? 5 : 1; }
  double value(std::size_t i) {
    if (i % 10 == 9) return 1;
    if (i % 3 == 0) return static_cast<double>(counter_ += random_() % 50);
    if (i % 3 == 1) return static_cast<double>(random_() % 1000) / 10;
    return std::bit_cast<double>((random_() >> 12) | 0x3ff0'0000'0000'0000);
  }

  std::mt19937_64 random_;
  std::vector<Series> series_;
  SchemaId schema_ = 0;
  std::optional<SchemaId> parent_;
  std::string message_;
  std::int64_t now_ms_ = 0;
  std::uint64_t counter_ = 0;
  int boots_ = 0;
};

struct Tick {
  std::string boot;
  std::int64_t boot_ms = 0;
  std::vector<std::uint64_t> bits;  // of the values; trailing absent ones left out
};

void add_ticks(const StoredFrame& row, std::map<std::uint64_t, Tick>& ticks) {
  Frame frame;
  REQUIRE(decode_frame(row.bytes, frame).ok());
  CHECK(frame.first_seq() == row.first_seq);
  CHECK(frame.last_seq() == row.last_seq);
  CHECK(frame.ticks() == row.ticks);
  CHECK(frame.schema == row.schema);
  CHECK(frame.times_ms.front() == row.first_boot_ms);
  CHECK(frame.times_ms.back() == row.last_boot_ms);
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    Tick tick{row.boot_id, frame.times_ms[t], {}};
    for (const auto& column : frame.columns) {
      tick.bits.push_back(std::bit_cast<std::uint64_t>(column[t]));
    }
    while (!tick.bits.empty() && tick.bits.back() == absent_bits) tick.bits.pop_back();
    CHECK(ticks.emplace(frame.seqs[t], std::move(tick)).second);
  }
}

std::vector<StoredFrame> rows_of(Buffer& buffer) {
  auto rows = buffer.peek(0, UINT64_MAX, UINT64_MAX);
  REQUIRE(rows.ok());
  return std::move(*rows);
}

// Everything that was made is there as it was, or was told to be lost, and never both.
void check_account(Buffer& buffer, const std::map<std::uint64_t, Tick>& made,
                   const std::set<std::uint64_t>& lost, std::uint64_t released) {
  std::map<std::uint64_t, Tick> left;
  std::uint64_t last_seq = 0;
  RowSums sums;
  for (const auto& row : rows_of(buffer)) {
    REQUIRE(row.first_seq > last_seq);
    last_seq = row.last_seq;
    sums.rows += 1;
    sums.ticks += row.ticks;
    sums.bytes += row.bytes.size();
    add_ticks(row, left);
  }
  const BufferStats stats = buffer.stats();
  CHECK(stats.rows == sums.rows);
  CHECK(stats.ticks == sums.ticks);
  CHECK(stats.bytes == sums.bytes);
  CHECK(left.size() == sums.ticks);
  std::size_t wrong = 0;
  for (const auto& [seq, tick] : made) {
    const auto found = left.find(seq);
    const bool is_left = found != left.end();
    if (seq <= released) {
      wrong += is_left ? 1 : 0;
    } else if (is_left == lost.contains(seq)) {
      ++wrong;
    } else if (is_left) {
      wrong += found->second.bits == tick.bits && found->second.boot_ms == tick.boot_ms &&
                       found->second.boot == tick.boot
                   ? 0
                   : 1;
    }
  }
  CHECK(wrong == 0);
  std::uint64_t counted = 0;
  for (const auto& [reason, count] : stats.lost) counted += count.ticks;
  CHECK(counted == lost.size());
}

std::uint64_t size_on_disk(const std::string& path) {
  return fs::file_size(path) + fs::file_size(path + "-wal");
}

// Each row to the file at once, as room is made there.
Status store(Buffer& buffer, const StoredFrame& row) {
  if (Status s = buffer.append(row); !s) return s;
  return buffer.spill();
}

TEST_CASE("a small buffer keeps what it can and accounts for the rest") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 6);
  const TempDir dir;
  const std::string path = seed % 3 == 0 ? "" : dir.file("buffer.db");
  std::set<std::uint64_t> lost;
  BufferLimits limits;
  limits.max_bytes = (seed % 2 == 0 ? 256 : 512) * kib;
  limits.sync_interval_ms = 3'600'000;
  limits.on_loss = [&](std::uint64_t, std::string_view, const std::vector<std::uint64_t>& seqs) {
    for (const auto seq : seqs) CHECK(lost.insert(seq).second);
  };
  const auto open = [&] {
    return std::move(*(path.empty() ? Buffer::open_in_memory(limits) : Buffer::open(path, limits)));
  };
  Buffer buffer = open();
  Source source(seed, 40);
  REQUIRE(source.put_schema(buffer).ok());
  std::map<std::uint64_t, Tick> made;
  std::uint64_t released = 0;
  std::optional<StoredFrame> pinned;
  auto& random = source.random();
  for (int n = 0; n < 1500; ++n) {
    const std::size_t ticks = seed < 2 ? 10 : 1 + random() % 20;
    const StoredFrame row = source.row(buffer.epoch(), buffer.last_seq() + 1, ticks);
    add_ticks(row, made);
    REQUIRE(store(buffer, row).ok());
    if (random() % 400 == 0) source.reboot();
    if (random() % 500 == 0) {
      source.grow(5);
      REQUIRE(source.put_schema(buffer).ok());
    }
    if (pinned && random() % 50 == 0) {
      // What is on its way is still there as it was; now it is acknowledged.
      const auto rows = buffer.peek(pinned->first_seq - 1, 1, 1);
      REQUIRE(rows.ok());
      CHECK(rows->front().bytes == pinned->bytes);
      for (const auto& [seq, tick] : made) {
        if (seq <= pinned->last_seq && seq > released && !lost.contains(seq)) {
          CHECK(seq >= buffer.oldest()->value().first_seq);
        }
      }
      REQUIRE(buffer.release(pinned->last_seq).ok());
      released = pinned->last_seq;
      pinned.reset();
    } else if (!pinned && random() % 300 == 0) {
      pinned = buffer.peek(0, 1, 1)->front();
      buffer.pin(pinned->first_seq, pinned->last_seq);
    }
    if (!path.empty() && random() % 700 == 0) {
      REQUIRE(buffer.flush().ok());
      buffer = open();
      pinned.reset();
    }
    if (!path.empty() && n % 100 == 0) CHECK(size_on_disk(path) <= limits.max_bytes);
    CHECK(buffer.stats().file_bytes <= limits.max_bytes);
  }
  // What was lost and then passed by an acknowledgement is in both accounts.
  check_account(buffer, made, lost, released);
  const BufferStats stats = buffer.stats();
  CHECK(stats.lost.at("thinned").ticks > 1000);
  CHECK(stats.levels[0].rows > 0);
  CHECK(stats.levels[2].rows > 0);
}

TEST_CASE("what is kept is full when it is new, and the coarser the older it is") {
  BufferLimits limits;
  limits.max_bytes = 1024 * kib;
  Buffer buffer = std::move(*Buffer::open_in_memory(limits));
  Source source(7, 80);
  REQUIRE(source.put_schema(buffer).ok());
  std::uint64_t dropped_at = 0;
  for (int n = 0; n < 20'000 && dropped_at == 0; ++n) {
    REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 10)).ok());
    if (buffer.stats().lost.contains("full")) dropped_at = buffer.last_seq();
  }
  REQUIRE(dropped_at > 0);
  std::size_t level = max_row_level;
  std::int64_t last_ms = 0;
  std::array<std::uint64_t, max_row_level + 1> spans{};
  std::size_t long_gaps = 0;
  for (const auto& row : rows_of(buffer)) {
    CHECK(row.level <= level);
    level = row.level;
    spans[level] += row.last_seq - row.first_seq + 1;
    Frame frame;
    REQUIRE(decode_frame(row.bytes, frame).ok());
    for (const auto ms : frame.times_ms) {
      if (last_ms > 0 && ms - last_ms > 2000 * static_cast<std::int64_t>(keep_every(level))) {
        ++long_gaps;
      }
      last_ms = ms;
    }
  }
  CHECK(long_gaps <= 10);  // where two levels meet
  CHECK(level == 0);
  for (std::size_t l = 1; l < max_row_level; ++l) {
    CAPTURE(l);
    CHECK(buffer.stats().levels[l].rows > 0);
    if (l > 1) CHECK(spans[l + 1] > spans[l]);
  }
  // In its last bytes a buffer holds far more time than without thinning.
  CHECK(dropped_at > 10 * (spans[0] + spans[1]));
}

TEST_CASE("a series that tells what is keeps a value in every row") {
  BufferLimits limits;
  limits.max_bytes = 256 * kib;
  Buffer buffer = std::move(*Buffer::open_in_memory(limits));
  Source source(3, 30);  // series 9, 19, 29 are info with a value at each 30th tick
  REQUIRE(source.put_schema(buffer).ok());
  for (int n = 0; n < 3000; ++n) {
    REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 10)).ok());
  }
  std::size_t thin_rows = 0;
  for (const auto& row : rows_of(buffer)) {
    if (row.level < 2 || row.last_seq - row.first_seq < 60) continue;
    ++thin_rows;
    Frame frame;
    REQUIRE(decode_frame(row.bytes, frame).ok());
    for (const std::size_t info : {9U, 19U, 29U}) {
      CHECK(std::count(frame.columns[info].begin(), frame.columns[info].end(), 1.0) > 0);
    }
  }
  CHECK(thin_rows > 5);
}

TEST_CASE("rows of one tick become rows of many before a tick is lost") {
  BufferLimits limits;
  limits.max_bytes = 256 * kib;
  Buffer buffer = std::move(*Buffer::open_in_memory(limits));
  Source source(4, 30);
  REQUIRE(source.put_schema(buffer).ok());
  while (!buffer.stats().lost.contains("thinned")) {
    REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 1)).ok());
  }
  const BufferStats stats = buffer.stats();
  CHECK(stats.ticks > 10 * stats.rows);
}

TEST_CASE("what is on its way stays though it is all there is") {
  BufferLimits limits;
  limits.max_bytes = 256 * kib;
  Buffer buffer = std::move(*Buffer::open_in_memory(limits));
  Source source(5, 200);
  REQUIRE(source.put_schema(buffer).ok());
  std::vector<std::string> sent;
  for (int n = 0; n < 20; ++n) {
    const auto row = source.row(buffer.epoch(), buffer.last_seq() + 1, 10);
    sent.push_back(row.bytes);
    REQUIRE(store(buffer, row).ok());
  }
  const std::uint64_t last = buffer.last_seq();
  buffer.pin(1, last);
  for (int n = 0; n < 1000; ++n) {
    REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 10)).ok());
  }
  const auto rows = rows_of(buffer);
  for (std::size_t i = 0; i < sent.size(); ++i) CHECK(rows.at(i).bytes == sent[i]);
  CHECK(buffer.stats().file_bytes <= limits.max_bytes);
  REQUIRE(buffer.release(last).ok());
  CHECK(buffer.oldest()->value().first_seq > last);
  CHECK(buffer.stats().lost.at("full").ticks > 0);
}

TEST_CASE("a smaller bound is kept to, step by step") {
  const TempDir dir;
  BufferLimits limits;
  limits.max_bytes = 8192 * kib;
  Source source(6, 50);
  std::uint64_t made = 0;
  {
    Buffer buffer = std::move(*Buffer::open(dir.file("b.db"), limits));
    REQUIRE(source.put_schema(buffer).ok());
    for (int n = 0; n < 3000; ++n) {
      REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 10)).ok());
    }
    made = buffer.stats().ticks;
    REQUIRE(made == 30'000);
    REQUIRE(buffer.flush().ok());
  }
  limits.max_bytes = 512 * kib;
  Buffer buffer = std::move(*Buffer::open(dir.file("b.db"), limits));
  for (int n = 0; n < 30; ++n) {
    REQUIRE(store(buffer, source.row(buffer.epoch(), buffer.last_seq() + 1, 10)).ok());
    made += 10;
  }
  int turns = 0;
  while (buffer.stats().file_bytes > limits.max_bytes && turns < 2000) {
    ++turns;
    REQUIRE(buffer.tend(turns * 1000).ok());
  }
  CHECK(turns < 2000);
  const BufferStats stats = buffer.stats();
  const std::uint64_t dropped = stats.lost.contains("full") ? stats.lost.at("full").ticks : 0;
  CHECK(stats.ticks + stats.lost.at("thinned").ticks + dropped == made);
  // To a sixteenth, and still nearly all of the time is there.
  CHECK(dropped < made / 20);
}

TEST_CASE("a writer killed while it thins loses nothing that is not counted") {
  const TempDir dir;
  const std::string path = dir.file("buffer.db");
  BufferLimits limits;
  limits.max_bytes = 256 * kib;
  limits.sync_interval_ms = 3'600'000;
  std::mt19937 random(11);
  for (int round = 0; round < 12; ++round) {
    int progress[2];
    REQUIRE(pipe(progress) == 0);
    const pid_t child = fork();
    if (child == 0) {
      auto buffer = Buffer::open(path, limits);
      Source source(8, 60);
      bool works = buffer.ok() && source.put_schema(*buffer).ok();
      for (char n = 0; works; ++n) {
        works = store(*buffer, source.row(buffer->epoch(), buffer->last_seq() + 1, 10)).ok() &&
                write(progress[1], &n, 1) == 1;
      }
      _exit(1);
    }
    close(progress[1]);
    char n = 0;
    // Into the thinning in the first round, then a little further in each.
    const auto appends = (round == 0 ? 400U : 40U) + random() % 60;
    for (unsigned i = 0; i < appends && read(progress[0], &n, 1) == 1; ++i) {
    }
    usleep(static_cast<useconds_t>(random() % 2000));
    kill(child, SIGKILL);
    close(progress[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    auto buffer = Buffer::open(path, limits);
    REQUIRE(buffer.ok());
    const BufferStats stats = buffer->stats();
    std::uint64_t lost = 0;
    for (const auto& [reason, count] : stats.lost) lost += count.ticks;
    // Each seq was a tick: no life skipped any.
    CHECK(stats.ticks + lost == buffer->last_seq());
    CHECK(lost > 0);
    std::map<std::uint64_t, Tick> left;
    for (const auto& row : rows_of(*buffer)) add_ticks(row, left);
    CHECK(left.size() == stats.ticks);
  }
}

}  // namespace
}  // namespace godwit
