// LoopbackBroker and its links: an MQTT broker within the process, for tests that need faults which
// a real one does not give on demand. Passes the same contract as MqttLink
// (test/transport/link_contract.h): retained messages, + and #, $share round robin, wills.
//
// There is no thread: whoever calls publish(), subscribe(), start(), up(), cut() or pump() runs the
// handlers, so that a test which is one thread sees one order of events. Any thread may call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "transport/link.h"

namespace godwit::test {

struct LoopbackOptions {
  std::string client_id;
  std::optional<Message> will = std::nullopt;
  std::size_t max_in_flight = 20;
  std::size_t max_message_bytes = 2U << 20;
};

// Shares of the deliveries, 0 to 1, drawn from the broker's seed.
struct LoopbackFaults {
  double drop = 0;
  double duplicate = 0;
  double reorder = 0;  // let the delivery behind it go first
};

class LoopbackBroker {
 public:
  struct Session;

  explicit LoopbackBroker(std::uint32_t seed = 1) : random_(seed) {}

  // The broker must outlive its links.
  std::unique_ptr<Link> make_link(LoopbackOptions options);

  void set_faults(LoopbackFaults faults);
  // While held, publishes are accepted and confirmed, and nothing is delivered until pump().
  void hold(bool on);
  // Delivers all that is pending now, also what waits to be overtaken; what comes of it waits.
  void pump();

  // Every connection breaks and everything is forgotten; up() lets the links come back.
  void down();
  void up();
  // Accepts, but confirms and delivers nothing, until thaw().
  void freeze();
  void thaw();
  // Breaks the connection of this client without a goodbye: its will is published. It comes back at
  // once unless the broker is down.
  void cut(const std::string& client_id);

  [[nodiscard]] std::uint64_t deliveries() const;
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  friend class LoopbackLink;
  using SessionPtr = std::shared_ptr<Session>;
  struct Delivery {
    SessionPtr to;
    LinkEvent event;
  };

  Status publish(const SessionPtr& from, Message&& message);
  void subscribe(const SessionPtr& session, std::string filter);
  void start(const SessionPtr& session);
  void stop(const SessionPtr& session);

  // All below: mutex_ is held.
  void connect(const SessionPtr& session);
  void disconnect(const SessionPtr& session, const std::string& reason, bool send_will);
  void route(const Message& message);
  void deliver_message(const SessionPtr& to, const Message& message);
  void send_retained(const SessionPtr& session, const std::string& filter);
  [[nodiscard]] bool chance(double share);
  std::optional<Delivery> next_delivery(bool flush);

  // mutex_ is not held. Runs handlers.
  void run(bool flush, std::size_t most = SIZE_MAX);

  mutable std::mutex mutex_;
  std::minstd_rand random_;
  LoopbackFaults faults_;
  bool up_ = true;
  bool frozen_ = false;
  bool held_ = false;
  bool running_ = false;
  std::vector<SessionPtr> sessions_;
  std::map<std::string, std::string> retained_;       // topic, payload
  std::map<std::string, std::size_t> share_turn_;     // "$share/group/filter"
  std::deque<std::pair<SessionPtr, Message>> inbox_;  // published while frozen
  std::deque<Delivery> pending_;
  std::uint64_t deliveries_ = 0;
  std::uint64_t dropped_ = 0;
};

// As MQTT 4.7: a filter that begins with a wildcard does not match a topic that begins with '$'.
bool filter_matches(std::string_view filter, std::string_view topic);

}  // namespace godwit::test
