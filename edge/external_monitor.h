// ExternalMonitor: what node-problem-detector's external monitors are asked, answered from Health:
// package npd.external.v1, service ExternalMonitor (GetMetadata, CheckHealth, Stop). Served by
// GrpcServer at `npd.socket`, on its thread. The messages: test/peers/external_monitor.proto.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/grpc.h"
#include "edge/health.h"
#include "transport/clock.h"

namespace godwit {

class ExternalMonitor {
 public:
  // `health` and what `clock` refers to must outlive it.
  ExternalMonitor(Health& health, Clock clock) : health_(health), clock_(std::move(clock)) {}

  GrpcReply answer(std::string_view method, std::string_view message);

 private:
  struct Request;
  // What a caller with these wishes was told last.
  struct Told {
    HealthThresholds thresholds;
    std::vector<Condition> conditions;
  };

  GrpcReply check_health(std::string_view message);
  std::vector<Condition>& told_for(const HealthThresholds& thresholds);
  [[nodiscard]] static Result<Request> parse(std::string_view message, HealthThresholds defaults);

  Health& health_;
  const Clock clock_;
  std::vector<Told> told_;  // a few; the oldest goes
};

}  // namespace godwit
