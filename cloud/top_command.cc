#include <optional>

#include "cloud/broker_watch.h"
#include "cloud/fleet_watch.h"
#include "cloud/top.h"
#include "cloud/top_view.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_waiting_messages = 200'000;
constexpr int tick_ms = 50;
constexpr std::int64_t redraw_ms = 500;
constexpr std::int64_t snapshot_quiet_ms = 2000;

// What it was that the broker retained of readings, by a connection of its own that ends when all
// of it came: after that, frames tell the same and cost less.
class Snapshot {
 public:
  explicit Snapshot(MqttOptions broker) {
    broker.client_id += "-once";
    watch_.emplace(std::move(broker), max_waiting_messages);
  }
  Status start() {
    if (Status status = FleetWatch::subscribe_latest(watch_->link(), ""); !status) return status;
    return watch_->start();
  }
  void step(FleetWatch& fleet, std::int64_t now_wall_ms) {
    if (!watch_) return;
    for (const auto& message : watch_->wait(0)) {
      if (!message.retained) continue;
      fleet.on_message(message, now_wall_ms);
      last_ms_ = steady_ms();
    }
    const bool is_quiet =
        watch_->connected() &&
        steady_ms() - std::max(last_ms_, watch_->connected_ms()) > snapshot_quiet_ms;
    if (is_quiet) watch_.reset();
  }

 private:
  std::optional<BrokerWatch> watch_;
  std::int64_t last_ms_ = 0;
};

class Top {
 public:
  Top(Terminal& terminal, BrokerWatch& watch, FleetWatch& fleet, std::string broker, bool color)
      : terminal_(terminal),
        watch_(watch),
        fleet_(fleet),
        broker_(std::move(broker)),
        view_(color) {}

  // False: it is over.
  bool step(std::int64_t now_wall_ms) {
    std::vector<Key> keys;
    if (!terminal_.wait_keys(tick_ms, keys)) return false;
    for (const auto& message : watch_.wait(0)) fleet_.on_message(message, now_wall_ms);
    for (const auto& key : keys) {
      const TopView::Wish wish = view_.on_key(key, scene(now_wall_ms));
      if (wish == TopView::Wish::quit) return false;
      if (wish == TopView::Wish::suspend) terminal_.suspend();
      if (wish == TopView::Wish::redraw) terminal_.forget();
    }
    const Terminal::Size size = Terminal::size();
    if (size != size_) terminal_.forget();
    const bool is_due = steady_ms() - drawn_ms_ >= redraw_ms;
    if (!is_due && keys.empty() && size == size_) return true;
    if (is_due) renew(now_wall_ms);
    if (is_due) fleet_.ask_again(watch_.link());
    size_ = size;
    return terminal_.draw(view_.render(scene(now_wall_ms), size));
  }

 private:
  [[nodiscard]] TopScene scene(std::int64_t now_wall_ms) const {
    return {nodes_, fleet_, broker_, watch_.connected(), watch_.reason(), now_wall_ms};
  }

  void renew(std::int64_t now_wall_ms) {
    drawn_ms_ = steady_ms();
    for (const auto& name : fleet_.take_changed()) {
      if (fleet_.nodes().contains(name)) {
        nodes_[name] = fleet_.summary(name, now_wall_ms);
      } else {
        nodes_.erase(name);
      }
    }
    for (auto& [name, node] : nodes_) {
      if (node.backlog.catching_up) node.backlog = fleet_.backlog(name, now_wall_ms);
    }
  }

  Terminal& terminal_;
  BrokerWatch& watch_;
  FleetWatch& fleet_;
  std::string broker_;
  TopView view_;
  TopNodes nodes_;
  Terminal::Size size_;
  std::int64_t drawn_ms_ = 0;
};

}  // namespace

int top_command(MqttOptions broker, bool color) {
  catch_stop_signals();
  const std::string name = concat(broker.host, ":", broker.port);
  FleetWatch fleet;
  Snapshot snapshot(broker);
  BrokerWatch watch(std::move(broker), max_waiting_messages);
  if (Status status = FleetWatch::subscribe_presence(watch.link(), ""); !status) {
    return complain(status.error());
  }
  if (Status status = FleetWatch::subscribe_frames(watch.link(), ""); !status) {
    return complain(status.error());
  }
  auto terminal = Terminal::open();
  if (!terminal) return complain(terminal.error());
  Status status = watch.start();
  if (status) status = snapshot.start();
  if (!status) {
    terminal->reset();
    return complain(status.error());
  }
  Top top(**terminal, watch, fleet, name, color);
  const Clock clock = system_clock();
  while (!stop_requested() && top.step(clock().wall_ms)) snapshot.step(fleet, clock().wall_ms);
  return 0;
}

}  // namespace godwit
