// The byte budgets of the reference trace: 150 series of one edge node at 1 Hz.
#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "test/transport/frame_samples.h"
#include "test/transport/trace_frames.h"

using namespace godwit;

TEST_CASE("frames of the reference trace stay within their bytes per sample") {
  const test::TempDir folder;
  const std::string trace_file = folder.file("trace.bin");
  test::ChildProcess exporter(
      {"python3", test::test_path("bench/trace_exporter.py"), "bin", "--seconds", "1200"},
      trace_file);
  REQUIRE(exporter.wait(std::chrono::seconds(60)) == 0);
  const std::string trace = test::read_file(trace_file);
  REQUIRE(trace.size() == 1200U * 150 * sizeof(double));

  struct Budget {
    std::size_t ticks;
    double bytes_per_sample;
  };
  for (const auto& [ticks, limit] : {Budget{1, 3.7}, {10, 1.0}, {60, 0.7}, {600, 0.6}}) {
    std::size_t bytes = 0;
    std::size_t samples = 0;
    for (const auto& frame : test::trace_frames(trace, 150, ticks)) {
      const std::string payload = encode_frame(frame);
      Frame decoded;
      REQUIRE(decode_frame(payload, decoded));
      REQUIRE(test::same_bits(frame, decoded));
      bytes += payload.size();
      samples += frame.samples();
    }
    INFO(ticks << " ticks per frame");
    CHECK(static_cast<double>(bytes) / static_cast<double>(samples) <= limit);
  }
}
