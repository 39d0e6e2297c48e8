// NodePatcher: keeps the Node objects of Kubernetes in line with what live frames say, for
// kubernetes.annotations and kubernetes.conditions. When to look at which node is decided here,
// what to write in node_write.h. node_keeper.h runs it.
//
// Bounded: `qps` requests a second in all, one at a time; max_nodes; each node is written at most
// once per min_interval; only the newest report of a node waits. Failures are tried again with
// growing pauses, and the server's Retry-After is kept.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "cloud/node_events.h"
#include "cloud/node_write.h"
#include "transport/backoff.h"

namespace godwit {

// What one live frame says.
struct NodeNews {
  std::int64_t live_ms = 0;
  std::optional<NpuReport> report;
  std::optional<ProblemReport> problems;
};

struct NodePatcherOptions {
  NodeLimits limits;
  bool events = true;
  double qps = 20;
  std::size_t max_nodes = 20'000;
};

struct NodePatcherStats {
  std::map<std::string, std::uint64_t>
      requests;                      // by result: ok, conflict, missing, denied, failed
  std::uint64_t patches = 0;         // that changed an object
  std::uint64_t refused = 0;         // news of nodes for which there is no room
  std::uint64_t dropped_events = 0;  // that were too many, or never taken
  std::size_t nodes = 0;             // that are looked after
  std::size_t missing = 0;           // of them, those that Kubernetes does not have
  std::int64_t behind_ms = 0;        // how long the node that waits longest is due
};

class NodePatcher {
 public:
  NodePatcher(KubernetesClient client, NodePatcherOptions options,
              Backoff::Random random = Backoff::system_random());

  // Any thread; never block for long.
  void on_live(std::string_view node, NodeNews news);
  void on_presence(std::string_view node, bool online);
  [[nodiscard]] NodePatcherStats stats() const;

  // Looks after one node, if one is due. Returns how long nothing is to be done unless something
  // new comes. Blocks for requests; one thread. `steady_ms` as of the clock of that name.
  std::int64_t step(std::int64_t now_wall_ms, std::int64_t steady_ms);

 private:
  struct Mail : NodeNews {
    std::optional<bool> online;
  };
  struct Entry {
    NodeView view;
    std::optional<NpuReport> told;  // the report that the object shows; nullopt: another, or none
    std::optional<std::vector<Problem>> told_problems;  // the same of problems
    std::int64_t due_ms = INT64_MAX;                    // steady, as the next
    std::int64_t not_before_ms = 0;                     // of the next write
    std::int64_t heard_ms = 0;                          // when something came from it last
    std::int64_t pause_ms = 0;                          // grows while the node is missing or fails
    bool missing = false;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Mail* find_or_add(std::string_view node);  // with mutex_ held; nullptr: no room
  void take_mail(std::int64_t steady_ms);
  // true: it says something that the object does not.
  bool take_report(Entry& known, NpuReport&& report) const;
  static bool take_problems(Entry& known, ProblemReport&& report);
  void set_due(Entries::iterator entry, std::int64_t due_ms);
  void erase(Entries::iterator entry);
  void send_event(std::int64_t steady_ms);
  // What a failed request means for all of them.
  void pause_all(const Error& error, std::int64_t steady_ms);
  [[nodiscard]] std::int64_t wait_ms(std::int64_t steady_ms);
  void look_after(Entries::iterator entry, std::int64_t now_wall_ms, std::int64_t steady_ms);
  void on_written(Entries::iterator entry, const NodeDecision& decision, std::int64_t now_wall_ms,
                  std::int64_t steady_ms);
  void on_failure(Entries::iterator entry, const Error& error, std::int64_t steady_ms);
  void on_missing(Entries::iterator entry, std::int64_t steady_ms);
  [[nodiscard]] std::int64_t spread(std::int64_t ms) const;
  void tell_missing(const std::string& node, std::int64_t steady_ms);
  void tell_trouble(const Error& error, std::int64_t steady_ms);
  void publish_stats(std::int64_t steady_ms);

  KubernetesClient client_;
  const NodePatcherOptions options_;
  Backoff::Random random_;
  Backoff server_backoff_;
  NodeEvents events_{"godwit-relay"};
  Entries entries_;
  std::set<std::pair<std::int64_t, std::string>> schedule_;  // due_ms of each entry
  double tokens_ = 1;                                        // requests that may be made now
  std::int64_t tokens_at_ms_ = 0;
  std::int64_t paused_until_ms_ = 0;
  std::size_t missing_ = 0;
  std::int64_t next_missing_log_ms_ = 0;
  std::int64_t next_trouble_log_ms_ = 0;
  NodePatcherStats counted_;

  mutable std::mutex mutex_;
  std::map<std::string, Mail, std::less<>> mail_;  // guarded by mutex_, as the next
  NodePatcherStats stats_;
  std::uint64_t refused_ = 0;
};

}  // namespace godwit
