#include "cloud/node_keeper.h"

#include <mutex>

#include <catch2/catch.hpp>

#include "cloud/ingest.h"
#include "test/cloud/npu_cluster.h"
#include "test/cloud/npu_frames.h"
#include "test/support/support.h"

namespace godwit {
namespace {

using test::Cluster;
using test::eventually;
using test::npu_frame;

constexpr std::int64_t start_ms = 1'795'000'000'000;

TEST_CASE("only frames that are live and new are seen, never history") {
  Ingest ingest(IngestOptions{});
  auto made = npu_frame("A3/01-info-2cards-proc-25.2.0.txt", start_ms);
  const std::string schema = encode_schema(std::nullopt, made.schema.series);
  made.frame.stream = 7;
  made.frame.schema = schema_id_of(schema);
  REQUIRE(ingest.add_schema("n", made.frame.schema, schema).ok());
  int seen = 0;
  ingest.on_live([&](std::string_view node, const Schema& known, const Frame& frame) {
    CHECK(node == "n");
    CHECK(read_npu_report(known, frame)->chips.size() == 4);
    ++seen;
  });
  const auto add = [&](std::uint64_t seq, bool history, std::int64_t now_ms) {
    made.frame.seqs = {seq};
    made.frame.history = history;
    auto answer = ingest.add_frame("n", encode_frame(made.frame), now_ms);
    if (const auto* arrival = std::get_if<Arrival>(&answer)) ingest.stored(*arrival, true);
    return seen;
  };
  CHECK(add(1, true, start_ms) == 0);
  CHECK(add(2, false, start_ms) == 1);
  CHECK(add(2, false, start_ms) == 1);              // again
  CHECK(add(3, false, start_ms - 3'600'000) == 1);  // from the future: the guards took its ticks
}

TEST_CASE("a keeper works on a thread of its own and ends at once") {
  Cluster cluster({"n"});
  std::mutex mutex;
  const HttpCall call = [&, inner = cluster.api.call()](const HttpCallRequest& request) {
    const std::lock_guard lock(mutex);
    return inner(request);
  };
  std::atomic<bool> cancel = false;
  {
    NodeKeeper keeper(KubernetesClient("https://api:6443", call), {}, cancel, [] {
      return TimePoint{start_ms + 1000, 0};
    });
    const auto made = npu_frame("A3/01-info-2cards-proc-25.2.0.txt", start_ms);
    keeper.on_presence("n", true);
    keeper.on_live("n", made.schema, made.frame);
    CHECK(eventually([&] {
      const std::lock_guard lock(mutex);
      return cluster.annotation("n", "power") == "330";
    }));
    CHECK(eventually([&] {
      return keeper.metrics().find("godwit_relay_kubernetes_nodes 1\n") != std::string::npos;
    }));
    keeper.on_live("ghost", made.schema, made.frame);
    CHECK(eventually([&] {
      return keeper.metrics().find("godwit_relay_kubernetes_missing_nodes 1\n") !=
             std::string::npos;
    }));
  }
  CHECK(cancel);
  CHECK(cluster.condition("n", "EdgeTelemetryStale") == "False TelemetryIsFresh");
}

}  // namespace
}  // namespace godwit
