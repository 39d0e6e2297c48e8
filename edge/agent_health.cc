// The agent's part in health: hands readings to the state machine, its series to the ticks, and the
// times of its conditions to a small file beside the buffer, so that they outlive a restart.
#include <utility>

#include "edge/agent.h"
#include "edge/replace_file.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::size_t max_record_bytes = 4096;

std::string record_path(const std::string& buffer_path) { return buffer_path + ".health"; }

}  // namespace

std::unique_ptr<GrpcServer> Agent::serve_npd() {
  if (settings_.npd_socket.empty()) return nullptr;
  auto server = GrpcServer::start(settings_.npd_socket,
                                  [this](std::string_view method, std::string_view message) {
                                    return external_monitor_.answer(method, message);
                                  });
  if (server) return std::move(*server);
  // Readings matter more than telling node-problem-detector of them.
  log::error("npd", server.error().message);
  return nullptr;
}

HealthTime Agent::health_time(std::int64_t boot_ms) const {
  return {boot_ms, clock_.wall_ms(parts_.boot_id, boot_ms)};
}

void Agent::recall_health() {
  if (settings_.buffer_path.empty()) return;
  // Not a file of the host under `root`.
  if (auto record = Host().read_file(record_path(settings_.buffer_path), max_record_bytes)) {
    health_record_ = std::move(*record);
    health_.restore(health_record_);
  }
}

void Agent::publish_latest(std::string_view name, const std::vector<Sample>& samples,
                           std::optional<std::int64_t> wall_ms) {
  if (!settings_.publish_latest || !uplink_ || !uplink_->connected()) return;
  if (!wall_ms || !clock_.settled() || samples.empty()) return;
  (void)parts_.link->publish(topics::latest(settings_.node, name), encode_latest(*wall_ms, samples),
                             Qos::at_most_once, true);
}

void Agent::take_health(Batch& tick, std::int64_t now_ms) {
  Batch series = health_.take_series(health_time(now_ms));
  if (series.empty()) return;
  show_readings("health", series, clock_.wall_ms(parts_.boot_id, now_ms));
  tick.append(std::move(series));
  keep_health();
}

// Only what changed is written: a node that is well never touches the flash.
void Agent::keep_health() {
  std::string record = health_.record();
  if (settings_.buffer_path.empty() || record == health_record_) return;
  const std::string path = record_path(settings_.buffer_path);
  if (const Status stored = replace_file(path, path + ".new", record, 0600); !stored) {
    log::debug("health", "cannot store the times of the conditions; a restart forgets them",
               {{"error", stored.error().message}});
  }
  health_record_ = std::move(record);
}

}  // namespace godwit
