// EventbusGateway: the relay's end of KubeEdge's EventBus. Envelopes (transport/envelope.h) come by
// HTTP POST from CloudCore's Router; answers go as POST to the Router's REST source, which carries
// them to a topic on the node. Nothing on that way says who speaks, keeps order, or tells what
// arrived: the envelope's signature is all that is believed, and a node that gets no answer asks
// again.
//
// post() runs on the HTTP server's thread, answers leave on own threads; all else from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cloud/http_client.h"
#include "transport/envelope.h"
#include "transport/http_server.h"
#include "transport/link.h"

namespace godwit {

struct EventbusSettings {
  std::string router_url;          // "http://cloudcore:9443"; empty: no gateway
  std::string path = "/kubeedge";  // where the Rule's target posts to
  std::string rule_namespace = "default";
  std::string down_path = "godwit/down";  // of the REST source
  std::string master_key_file;
  std::string keys_dir;  // one file per node; wins over the master key
  std::size_t connections = 4;
  // A node that says nothing for so long is told as gone; three times what a quiet one leaves.
  std::int64_t silence_ms = 190'000;
  // For the Rules that the relay keeps in the cluster.
  bool manage_rules = true;
  std::string up_topic = "godwit/up";
  std::string target_url;
};

struct EventbusStats {
  std::uint64_t envelopes = 0;
  std::uint64_t refused = 0;     // no envelope, or not of its node
  std::uint64_t repeated = 0;    // came before
  std::uint64_t answers = 0;     // that the Router took
  std::uint64_t unanswered = 0;  // given up after some tries
};

class EventbusGateway {
 public:
  // One call per connection to the Router.
  EventbusGateway(EventbusSettings settings, NodeKey key_of, std::vector<HttpCall> calls);
  EventbusGateway(const EventbusGateway&) = delete;
  EventbusGateway& operator=(const EventbusGateway&) = delete;
  ~EventbusGateway() { stop(0); }

  // Messages are told as if they had come by MQTT; called on the HTTP server's and own threads.
  void start(Link::Handler handler);
  // Lets waiting answers leave for up to `drain_ms`; takes nothing any more. Idempotent.
  void stop(std::int64_t drain_ms);

  // Always with a body and the end of the connection: CloudCore leaks one that gets neither.
  HttpResponse post(const HttpRequest& request);

  // The node was heard here last.
  [[nodiscard]] bool serves(std::string_view node) const;
  // The node came by another way.
  void forget(std::string_view node);
  // An ack. A newer one takes the place of one that waits. False: not served.
  bool answer(std::string_view node, std::string_view ack);
  // The relay's state, for the nodes that said since the last call that they are there.
  void tell_state(std::string_view state);

  [[nodiscard]] EventbusStats stats() const;

  static constexpr std::size_t max_nodes = 100'000;

 private:
  struct Node {
    std::string boot_id;
    std::uint64_t session = 0;
    std::uint64_t highest_seq = 0;
    std::uint64_t seen = 0;  // bit i: highest_seq - i came
    std::int64_t heard_ms = 0;
    std::string status;  // the last one while online
    bool wants_state = false;
    std::map<std::string, std::string> waiting;  // answers by part topic
    std::int64_t send_at_ms = 0;
    int failures = 0;
    bool queued = false;
  };
  using Nodes = std::map<std::string, Node, std::less<>>;

  void run(const HttpCall& call);
  // All below: mutex_ is held.
  bool admit(const Envelope& envelope);
  void queue(const std::string& name, Node& node, std::int64_t send_at_ms);
  Nodes::iterator next_due(std::int64_t now_ms);
  void send(std::unique_lock<std::mutex>& lock, Nodes::iterator at, const HttpCall& call);
  void settle(const std::string& name, std::map<std::string, std::string>&& parts, bool taken);
  std::vector<Message> take_silent(std::int64_t now_ms);
  void complain(std::string_view what, const std::string& reason);

  const EventbusSettings settings_;
  const NodeKey key_of_;
  Link::Handler handler_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_;
  // State below is protected by mutex_. Times are steady_ms().
  Nodes nodes_;
  std::deque<std::string> queue_;  // nodes with waiting answers
  std::int64_t next_sweep_ms_ = 0;
  std::int64_t next_complaint_ms_ = 0;
  EventbusStats stats_;
  std::size_t under_way_ = 0;
  bool closed_ = false;  // takes no envelopes
  bool stopping_ = false;

  std::vector<HttpCall> calls_;
  std::vector<std::thread> threads_;
};

}  // namespace godwit
