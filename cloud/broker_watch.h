// BrokerWatch: a link to the broker and its inbox, for the commands of `godwit` that listen (tail,
// nodes, top), and the signals that end them. One at a time in a process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "transport/inbox.h"
#include "transport/mqtt_link.h"

namespace godwit {

inline constexpr int exit_failure = 1;
inline constexpr int exit_config = 78;  // EX_CONFIG

// One line on standard error; returns `code`.
int complain(const Error& error, int code = exit_failure);

class BrokerWatch {
 public:
  // Messages beyond `capacity` that wait are lost.
  BrokerWatch(MqttOptions options, std::size_t capacity);
  ~BrokerWatch();
  BrokerWatch(const BrokerWatch&) = delete;
  BrokerWatch& operator=(const BrokerWatch&) = delete;

  // Subscribe before.
  Status start();
  Link& link() { return *link_; }
  // Messages, waiting up to `timeout_ms` for the first. Keeps `connected()` and `reason()`.
  std::vector<Message> wait(std::int64_t timeout_ms);

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::int64_t connected_ms() const { return connected_ms_; }  // steady_ms()
  // Why it is not connected; empty: it has not failed yet.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] std::uint64_t lost() const { return inbox_.refused(); }

 private:
  Inbox<LinkEvent> inbox_;
  std::unique_ptr<Link> link_;
  bool connected_ = false;
  std::int64_t connected_ms_ = 0;
  std::string reason_;
};

// From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT are remembered and end nothing by themselves;
// writing to a closed pipe is an error.
void catch_stop_signals();
bool stop_requested();

}  // namespace godwit
