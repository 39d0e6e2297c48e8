// Events (v1) about Nodes: one object per kind of change, whose count grows when it happens again.
// Bounded in memory and in what waits. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "cloud/kubernetes_client.h"
#include "cloud/node_conditions.h"

namespace godwit {

class NodeEvents {
 public:
  explicit NodeEvents(std::string source) : source_(std::move(source)) {}

  void add(const std::string& node, const std::string& uid, const ConditionChange& change);
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  // Sends the one that waits longest. An Error: it waits on, unless it has failed too often.
  Status send(KubernetesClient& client);

 private:
  struct Waiting {
    std::string node, uid;
    ConditionChange change;
    int tries = 0;
  };
  struct Known {  // an Event object that this relay made
    std::string name;
    std::int64_t first_ms = 0;
    std::int64_t last_ms = 0;
    std::uint64_t count = 0;
  };

  Status repeat(KubernetesClient& client, Known& known, std::int64_t time_ms);
  Status create(KubernetesClient& client, const Waiting& event, const std::string& key);

  std::string source_;
  std::deque<Waiting> waiting_;
  std::map<std::string, Known, std::less<>> known_;
  std::uint64_t dropped_ = 0;
};

}  // namespace godwit
