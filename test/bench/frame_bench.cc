// frame_bench TRACE.bin [SERIES]: payload bytes per sample and CPU per sample of frames of 1, 10,
// 60 and 600 ticks. The trace is rows of SERIES (150) little-endian doubles, one per second, as
// `trace_exporter.py bin` writes it.
#include <cstdio>
#include <cstring>
#include <ctime>

#include <malloc.h>

#include "test/support/support.h"
#include "test/transport/trace_frames.h"
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
  if (argc < 2) {
    std::fprintf(stderr, "usage: frame_bench TRACE.bin [SERIES]\n");
    return 2;
  }
  const std::size_t width = argc > 2 ? parse_int<std::size_t>(argv[2]).value_or(150) : 150;
  const std::string trace = test::read_file(argv[1]);
  for (const std::size_t ticks : {1U, 10U, 60U, 600U}) {
    measure(test::trace_frames(trace, width, ticks), ticks);
  }
  const struct mallinfo2 heap = mallinfo2();
  std::printf("heap in use at the end, trace included: %zu kB\n",
              (heap.uordblks + heap.hblkhd) >> 10);
  return 0;
}
