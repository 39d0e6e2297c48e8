// frame_bench TRACE.bin SERIES.tsv: payload bytes and CPU per sample of frames of 1, 10, 60 and 600
// ticks. Both files are what trace_exporter.py writes with `bin` (rows of little-endian doubles,
// one per second) and `series`.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "test/support/support.h"
#include "test/transport/trace_frames.h"
#include "transport/schema.h"
#include "transport/text.h"

using namespace godwit;

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// CPU seconds of one call, over about half a second.
template <class Call>
double cost(const Call& call) {
  const double start = cpu_seconds();
  int rounds = 0;
  while (cpu_seconds() - start < 0.5) {
    call();
    ++rounds;
  }
  return (cpu_seconds() - start) / rounds;
}

void measure(const std::vector<Frame>& frames, std::size_t ticks) {
  std::vector<std::string> payloads;
  std::size_t samples = 0;
  std::size_t bytes = 0;
  for (const auto& frame : frames) {
    payloads.push_back(encode_frame(frame));
    bytes += payloads.back().size();
    samples += frame.samples();
  }
  const double encode = cost([&] {
    for (const auto& frame : frames) encode_frame(frame);
  });
  Frame decoded;
  const double decode = cost([&] {
    for (const auto& payload : payloads) {
      if (!decode_frame(payload, decoded)) std::abort();
    }
  });
  const double ns = 1e9 / static_cast<double>(samples);
  std::printf("%5zu ticks: %6.3f B/sample, encode %6.1f ns/sample, decode %6.1f ns/sample\n", ticks,
              static_cast<double>(bytes) / static_cast<double>(samples), encode * ns, decode * ns);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: frame_bench TRACE.bin SERIES.tsv\n");
    return 2;
  }
  const std::string trace = test::read_file(argv[1]);
  const auto series = test::trace_series(test::read_file(argv[2]));
  const std::string schema = encode_schema({}, series);
  std::printf("schema, once: %zu bytes for %zu series\n", schema.size(), series.size());
  for (const std::size_t ticks : {1U, 10U, 60U, 600U}) {
    measure(test::trace_frames(trace, series.size(), ticks), ticks);
  }
  return 0;
}
