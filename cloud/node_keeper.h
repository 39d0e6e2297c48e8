// NodeKeeper: what a relay does for the Node objects of Kubernetes, with a thread of its own:
// kubernetes.annotations and kubernetes.conditions. The relay's owner thread only hands it what it
// sees.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cloud/node_patcher.h"
#include "transport/clock.h"
#include "transport/settings.h"

namespace godwit {

std::vector<Setting> node_settings_table();
NodePatcherOptions finalise_nodes(const Settings& settings);

class NodeKeeper {
 public:
  // Requests that `client` makes end early when `cancel` becomes true.
  NodeKeeper(KubernetesClient client, NodePatcherOptions options, std::atomic<bool>& cancel,
             Clock clock);
  NodeKeeper(const NodeKeeper&) = delete;
  NodeKeeper& operator=(const NodeKeeper&) = delete;
  ~NodeKeeper();

  // As Ingest::LiveObserver and Relay::PresenceObserver.
  void on_live(std::string_view node, const Schema& schema, const Frame& frame);
  void on_presence(std::string_view node, bool online) { patcher_.on_presence(node, online); }

  // Prometheus text. Any thread.
  [[nodiscard]] std::string metrics() const;

 private:
  void run();

  const NodeLimits limits_;
  NodePatcher patcher_;
  std::atomic<bool>& cancel_;
  Clock clock_;
  std::thread thread_;
};

}  // namespace godwit
