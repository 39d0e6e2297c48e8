#include "cloud/node_events.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cloud/node_annotations.h"
#include "transport/digest.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;

// Events of objects without a namespace lie here.
constexpr std::string_view collection = "/api/v1/namespaces/default/events";
constexpr std::size_t max_waiting = 1000;
constexpr std::size_t max_known = 4096;
constexpr std::int64_t forget_after_ms = 3'600'000;  // API servers keep Events for an hour
constexpr int max_tries = 5;

json event_of(const std::string& name, const std::string& node, const std::string& uid,
              const ConditionChange& change, const std::string& source) {
  const std::string time = format_seconds(change.time_ms);
  return {
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", {{"name", name}, {"namespace", "default"}}},
      {"involvedObject", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}, {"uid", uid}}},
      {"type", change.status == "False" ? "Normal" : "Warning"},
      {"reason", change.reason},
      {"message", concat("Node condition ", change.type, " is now: ", change.status,
                         ", reason: ", change.reason, ", message: ", change.message)
                      .substr(0, 1024)},
      {"source", {{"component", source}, {"host", node}}},
      {"reportingComponent", source},
      {"firstTimestamp", time},
      {"lastTimestamp", time},
      {"count", 1}};
}

}  // namespace

void NodeEvents::add(const std::string& node, const std::string& uid,
                     const ConditionChange& change) {
  if (waiting_.size() >= max_waiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back({node, uid, change});
}

Status NodeEvents::send(KubernetesClient& client) {
  Waiting& event = waiting_.front();
  const ConditionChange& change = event.change;
  const std::string key = concat(event.uid, "/", event.node, "/", change.type, "/", change.status,
                                 "/", change.reason, "/", change.message);
  Status sent;
  const auto known = known_.find(key);
  if (known != known_.end() && change.time_ms - known->second.last_ms < forget_after_ms) {
    sent = repeat(client, known->second, change.time_ms);
    // It has expired.
    if (!sent && sent.error().code == ErrorCode::no_data) sent = create(client, event, key);
  } else {
    sent = create(client, event, key);
  }
  if (!sent && ++event.tries < max_tries) return sent;
  if (!sent) ++dropped_;
  waiting_.pop_front();
  return sent;
}

Status NodeEvents::repeat(KubernetesClient& client, Known& known, std::int64_t time_ms) {
  const json change{{"count", known.count + 1}, {"lastTimestamp", format_seconds(time_ms)}};
  const auto done =
      client.patch(concat(collection, "/", known.name), "strategic-merge-patch", change);
  if (!done) return done.error();
  ++known.count;
  known.last_ms = time_ms;
  return {};
}

Status NodeEvents::create(KubernetesClient& client, const Waiting& event, const std::string& key) {
  const std::int64_t time_ms = event.change.time_ms;
  // A second try of the same event finds the first one's object.
  const std::string id = to_hex(sha256(concat(key, "/", time_ms))).substr(0, 16);
  const std::string name = concat(event.node.substr(0, 253 - 17), ".", id);
  Status made =
      client.create(collection, event_of(name, event.node, event.uid, event.change, source_));
  if (!made && client.last_status() != 409) return made;
  if (known_.size() >= max_known) {
    known_.erase(std::min_element(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
      return a.second.last_ms < b.second.last_ms;
    }));
  }
  known_[key] = {name, time_ms, time_ms, 1};
  return {};
}

}  // namespace godwit
