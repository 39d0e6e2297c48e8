// spool_writer SERIES.tsv INTERVAL_S BUFFER.db KEPT.bin TICKS... <TRACE.bin: what an agent does
// that is cut off from its relay, without the waiting. Each row of the trace is a tick, INTERVAL_S
// apart, the last one a minute before this machine's boot. After each of TICKS the size of the
// buffer on the disk is told. The values of columns 0, 50 and 100 go to KEPT.bin, to compare what
// arrives.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "edge/boot_clock.h"
#include "edge/buffer.h"
#include "edge/tick_gatherer.h"
#include "test/support/support.h"
#include "test/transport/trace_frames.h"

using namespace godwit;

namespace {

constexpr const char* boot_id = "00000000-1111-2222-3333-444444444444";
constexpr std::int64_t flush_ms = 10'000;

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  std::exit(1);
}

void must(const Status& status) {
  if (!status) give_up(status.error());
}

double disk_megabytes(const std::string& path) {
  std::uintmax_t bytes = 0;
  for (const char* const suffix : {"", "-wal", "-shm", ".ticks"}) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(path + suffix, missing);
    if (!missing) bytes += size;
  }
  return static_cast<double>(bytes) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const auto series = test::trace_series(test::read_file(argv[1]));
  const std::int64_t interval_ms = std::strtoll(argv[2], nullptr, 10) * 1000;
  const std::string path = argv[3];
  std::FILE* const kept = std::fopen(argv[4], "wb");
  std::vector<std::uint64_t> marks;
  for (int i = 5; i < argc; ++i) marks.push_back(std::strtoull(argv[i], nullptr, 10));

  auto buffer = Buffer::open(path, {});
  if (!buffer) give_up(buffer.error());
  const std::int64_t length_ms = static_cast<std::int64_t>(marks.back()) * interval_ms;
  // An earlier boot cannot have gone on behind the begin of the present one.
  const auto now = system_clock()();
  must(buffer->put_boot({boot_id, now.wall_ms - now.boot_ms - 60'000 - length_ms,
                         static_cast<int>(BootClock::Quality::synchronised)}));
  TickGatherer gatherer(boot_id);
  gatherer.move_to(*buffer);
  std::vector<Sample> samples;
  for (const auto& one : series) samples.push_back({one, 0});
  std::vector<double> row(series.size());
  for (std::uint64_t tick = 1; tick <= marks.back(); ++tick) {
    if (std::fread(row.data(), sizeof(double), row.size(), stdin) != row.size()) return 3;
    for (std::size_t i = 0; i < row.size(); ++i) samples[i].value = row[i];
    for (const std::size_t i : {0, 50, 100}) std::fwrite(&row[i], sizeof(double), 1, kept);
    const auto boot_ms = static_cast<std::int64_t>(tick) * interval_ms;
    must(gatherer.add(samples, boot_ms, *buffer));
    if (boot_ms - gatherer.first_boot_ms() + interval_ms >= flush_ms) {
      must(gatherer.flush(*buffer));
      must(buffer->tend(boot_ms));
    }
    if (std::find(marks.begin(), marks.end(), tick) != marks.end()) {
      const auto stats = buffer->stats();
      std::printf(
          "%7llu ticks of %zu series: %6.1f MB on the disk, %5.3f B per sample, %llu rows\n",
          static_cast<unsigned long long>(tick), row.size(), disk_megabytes(path),
          disk_megabytes(path) * 1e6 / static_cast<double>(tick * row.size()),
          static_cast<unsigned long long>(stats.rows));
      if (stats.lost.contains("thinned")) std::printf("  some are thinned\n");
      std::fflush(stdout);
    }
  }
  std::fclose(kept);
  must(gatherer.flush(*buffer));
  must(buffer->flush());
  return 0;
}
