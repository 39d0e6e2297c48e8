// relay_bench TRACE.bin SERIES.tsv: samples per CPU second from MQTT payload to compressed
// remote-write bytes, as the relay does it: decode, dedup, schema, guards, encode, gather,
// compress. TRACE.bin and SERIES.tsv are what `trace_exporter.py bin` and `... series` write.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "cloud/ingest.h"
#include "test/support/support.h"
#include "test/transport/trace_frames.h"
#include "transport/text.h"

using namespace godwit;

namespace {

constexpr int nodes = 50;
constexpr std::size_t samples_per_request = 50'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void measure(const std::string& trace, const std::vector<Series>& series, std::size_t ticks) {
  Ingest ingest({{"godwit", {{"cluster", "a"}}}, {}, samples_per_request, 128U << 20});
  const std::string schema = encode_schema(std::nullopt, series);
  const SchemaId id = schema_id_of(schema);
  auto frames = test::trace_frames(trace, series.size(), ticks);
  std::vector<std::string> payloads;
  for (auto& frame : frames) {
    frame.schema = id;
    payloads.push_back(encode_frame(frame));
  }
  std::vector<std::string> names;
  for (int i = 0; i < nodes; ++i) {
    names.push_back(concat("edge-node-", i));
    if (!ingest.add_schema(names.back(), id, schema)) std::abort();
  }

  std::size_t samples = 0;
  std::size_t requests = 0;
  std::size_t bytes = 0;
  std::vector<std::string> bodies;
  std::size_t gathered = 0;
  const auto flush = [&] {
    const std::vector<std::string_view> views(bodies.begin(), bodies.end());
    bytes += compress_bodies(views).size();
    ++requests;
    samples += gathered;
    gathered = 0;
    bodies.clear();
  };
  const double start = cpu_seconds();
  for (std::size_t f = 0; cpu_seconds() - start < 3; f = (f + 1) % payloads.size()) {
    for (const auto& name : names) {
      auto answer = ingest.add_frame(name, payloads[f], INT64_MAX / 2);
      auto& arrival = std::get<Arrival>(answer);
      gathered += arrival.samples;
      bodies.push_back(std::move(arrival.bodies.at(0)));
      if (gathered >= samples_per_request) flush();
    }
  }
  const double seconds = cpu_seconds() - start;
  std::printf(
      "%4zu ticks per frame: %6.2f M samples per CPU second, %5.1f B per sample sent, %zu "
      "requests\n",
      ticks, static_cast<double>(samples) / seconds / 1e6,
      static_cast<double>(bytes) / static_cast<double>(samples), requests);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: relay_bench TRACE.bin SERIES.tsv\n");
    return 2;
  }
  const std::string trace = test::read_file(argv[1]);
  const auto series = test::trace_series(test::read_file(argv[2]));
  for (const std::size_t ticks : {1U, 10U, 60U}) measure(trace, series, ticks);
  return 0;
}
