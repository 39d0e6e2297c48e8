#include "cloud/broker_watch.h"

#include <atomic>
#include <csignal>
#include <cstdio>

#include "transport/clock.h"
#include "transport/terminal_text.h"

namespace godwit {
namespace {

std::atomic<bool> stop_flag = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) { stop_flag = true; }

}  // namespace

int complain(const Error& error, int code) {
  std::fprintf(stderr, "godwit: %s\n", printable(error.message).c_str());
  return code;
}

BrokerWatch::BrokerWatch(MqttOptions options, std::size_t capacity)
    : inbox_(capacity), link_(make_mqtt_link(std::move(options))) {}

BrokerWatch::~BrokerWatch() { link_->stop(0); }

Status BrokerWatch::start() {
  return link_->start([this](LinkEvent&& event) { inbox_.push(std::move(event)); });
}

std::vector<Message> BrokerWatch::wait(std::int64_t timeout_ms) {
  std::vector<Message> messages;
  for (auto& event : inbox_.wait(timeout_ms)) {
    if (event.type == LinkEvent::Type::message) messages.push_back(std::move(event.message));
    if (event.type == LinkEvent::Type::connected) {
      connected_ = true;
      connected_ms_ = steady_ms();
      reason_.clear();
    }
    if (event.type == LinkEvent::Type::disconnected) {
      connected_ = false;
      reason_ = printable(event.reason);
    }
  }
  return messages;
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return stop_flag; }

}  // namespace godwit
