// Agent: the owner thread of godwit-agent. It sleeps until a collector is due or an event comes,
// turns readings into ticks, ticks into rows, and rows into frames. Everything below it is touched
// by this thread alone; the link's thread and slow collectors' threads only push into its inbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "edge/accelerator_pods.h"
#include "edge/agent_settings.h"
#include "edge/boot_clock.h"
#include "edge/buffer_keeper.h"
#include "edge/collector_runner.h"
#include "edge/external_monitor.h"
#include "edge/feature_file.h"
#include "edge/grpc_server.h"
#include "edge/health.h"
#include "edge/local_http.h"
#include "edge/tick_gatherer.h"
#include "edge/truth_log.h"
#include "edge/uplink.h"
#include "transport/inbox.h"
#include "transport/json_writer.h"
#include "transport/link.h"

namespace godwit {

// What a test puts in the place of the machine.
struct AgentParts {
  Clock clock = system_clock();
  std::function<bool()> clock_synchronised = wall_clock_synchronised;
  std::unique_ptr<Link> link;  // nullptr: nothing is sent
  std::string boot_id;
  std::uint64_t session = 0;
  UplinkOptions uplink{};  // node, birth and limits are filled in
};

class Agent {
 public:
  // Opens the buffer, takes back what an earlier process left, and starts nothing yet.
  Agent(AgentSettings settings, AgentParts parts);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Runs until stop(), then stores what is gathered, gives the link a moment to deliver it, and
  // ends. Only a failure to start is an Error. Blocks; the calling thread is the owner thread.
  Status run();
  // Any thread.
  void stop();

 private:
  using Event = std::variant<LinkEvent, CollectorResult>;

  Status start();
  [[nodiscard]] std::int64_t next_wake_ms(std::int64_t now_ms) const;
  void turn(std::vector<Event>&& events);
  void handle(Event&& event, std::int64_t now_ms);
  void collect_due(std::int64_t now_ms);
  void conclude(CollectorResult&& result, Batch& tick);
  [[nodiscard]] std::vector<CollectorTrouble> collector_troubles() const;
  void take_self_readings(Batch& tick);
  [[nodiscard]] HealthTime health_time(std::int64_t boot_ms) const;
  std::unique_ptr<GrpcServer> serve_npd();
  void recall_health();
  void show_readings(std::string_view name, const Batch& batch,
                     std::optional<std::int64_t> wall_ms);
  void publish_latest(std::string_view name, const std::vector<Sample>& samples,
                      std::optional<std::int64_t> wall_ms);
  void take_health(Batch& tick, std::int64_t now_ms);
  void keep_health();
  void take_tick(Batch&& tick, std::int64_t boot_ms);
  void keep_stored(std::int64_t now_ms);
  void flush(std::int64_t now_ms);
  void recover();
  void replace_buffer(const Error& error, std::int64_t now_ms);
  void buffer_changed();
  void store_clock();
  void expire(std::int64_t now_ms);
  [[nodiscard]] std::int64_t least_age_ms(const StoredFrame& row, std::int64_t now_ms) const;
  // Everything up to this seq is in the database, or counted as given up.
  std::uint64_t delivered_seq();
  void tell_undated();
  void show(std::int64_t now_ms);
  void show_link(JsonWriter& json) const;
  void show_clock(JsonWriter& json) const;
  void finish();

  Buffer& buffer() { return keeper_.buffer(); }
  Buffer& outbox() { return keeper_.outbox(); }
  void step_uplink(std::int64_t now_ms);
  void learn_boots();
  [[nodiscard]] TimePoint now() const { return parts_.clock(); }

  AgentSettings settings_;
  AgentParts parts_;
  Health health_;
  ExternalMonitor external_monitor_;
  // The first to start: node-problem-detector gives up on a socket that does not come.
  std::unique_ptr<GrpcServer> npd_server_;
  Host host_;
  AcceleratorPods accelerator_pods_;
  FeatureFile feature_file_;
  BootClock clock_;
  TruthLog truth_;
  BufferKeeper keeper_;
  TickGatherer gatherer_;
  std::optional<Uplink> uplink_;
  std::string health_record_;  // as stored
  LocalStatus status_;
  std::unique_ptr<HttpServer> http_;
  Inbox<Event> inbox_;
  std::atomic<bool> stopping_ = false;

  std::uint64_t boots_of_ = 0;  // the stream whose boots clock_ knows
  std::int64_t flush_due_ms_ = 0;
  std::int64_t self_due_ms_ = 0;
  std::int64_t expire_due_ms_ = 0;
  std::int64_t show_due_ms_ = 0;
  std::int64_t last_tick_ms_ = 0;
  std::uint64_t ticks_taken_ = 0;
  int undated_turns_ = 0;
  bool boot_stored_ = false;
  // Last: their threads push into the inbox.
  std::vector<std::unique_ptr<CollectorRunner>> runners_;
};

// Contents of /proc/sys/kernel/random/boot_id, or something random where there is none.
std::string read_boot_id();

}  // namespace godwit
