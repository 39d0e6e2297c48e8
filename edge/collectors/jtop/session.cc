#include "edge/collectors/jtop/session.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "edge/collectors/jetson_software.h"
#include "edge/collectors/jtop/manager.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t reply_ms = 2000;  // for a call that does not wait by its nature
constexpr std::int64_t first_backoff_ms = 1000;
constexpr std::int64_t longest_backoff_ms = 30'000;
// The service stops collecting 3 s after the last message.
constexpr std::int64_t pause_ms = 2800;
constexpr std::int64_t orphan_check_ms = 60'000;

void sleep_ms(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

std::int64_t soon() { return steady_ms() + reply_ms; }

}  // namespace

Status JtopSession::poll(std::int64_t deadline) {
  if (steady_ms() < retry_ms_) return last_error_;
  Status status = connect(deadline);
  if (status) status = begun_ ? refresh(deadline) : begin(deadline);
  if (!status && !connection_.is_open()) {
    drop(status.error());
  } else if (status) {
    backoff_ms_ = 0;
  }
  return status;
}

Result<JtopConnection> JtopSession::open_connection(std::int64_t deadline) {
  auto connection = JtopConnection::open(options_.path, key_, deadline, options_.random);
  if (connection || connection.error().code != ErrorCode::rejected) return connection;
  const std::string_view other = key_ == jtop_key ? jtop_key_python2 : jtop_key;
  auto second = JtopConnection::open(options_.path, other, deadline, options_.random);
  if (!second) return connection;
  key_ = other;
  return second;
}

Result<std::string> JtopSession::create(std::string_view type, std::int64_t deadline) {
  auto connection = open_connection(deadline);
  if (!connection) return connection.error();
  auto reply = jtop_call(*connection, {}, "create", pickle_tuple({pickle_text(type)}), deadline);
  if (!reply) return reply.error();
  const std::string_view ident = reply->root().at(1).at(0).text();
  if (ident.empty() || ident.size() > 64) {
    return Error{ErrorCode::invalid, "the jtop service gave an object no usable name"};
  }
  return std::string(ident);
}

// Continues where an earlier attempt stopped, so a slow service is not asked twice for one object.
Status JtopSession::connect(std::int64_t deadline) {
  if (connection_.is_open()) return {};
  begun_ = false;
  for (auto& [type, ident] : {std::pair<const char*, std::string&>{"get_queue", queue_id_},
                              std::pair<const char*, std::string&>{"sync_data", data_id_}}) {
    if (!ident.empty()) continue;
    auto created = create(type, deadline);
    if (!created) return created.error();
    ident = std::move(*created);
  }
  auto connection = open_connection(deadline);
  if (!connection) return connection.error();
  const std::string args = pickle_tuple({pickle_text("godwit-agent")});
  auto reply = jtop_call(*connection, {}, "accept_connection", args, deadline);
  if (!reply) return reply.error();
  connection_ = std::move(*connection);
  if (answer_owed_) take_back_answer();
  return {};
}

// True when there is data that differs from what was fetched before.
Result<bool> JtopSession::fetch(std::int64_t deadline) {
  const auto call = [&](std::string_view method, std::string_view args) {
    auto reply = jtop_call(connection_, data_id_, method, args, std::min(deadline, soon()));
    if (!reply) connection_.close();
    return reply;
  };
  auto reply = call("get", pickle_tuple({pickle_text("uptime")}));
  if (!reply) return reply.error();
  const auto uptime = reply->root().at(1).number();
  if (uptime && data_ && uptime == uptime_) return false;
  reply = call("copy", pickle_tuple({}));
  if (!reply) return reply.error();
  if (reply->root().at(1).size() == 0) return false;
  if (!uptime && data_ && data_->bytes() == reply->bytes()) return false;
  data_ = std::move(*reply);
  uptime_ = data_->root().at(1)["uptime"].number();
  return true;
}

Result<bool> JtopSession::wait_for_change(std::int64_t deadline) {
  const std::int64_t end = std::min(deadline - 100, steady_ms() + patience_ms());
  for (;;) {
    auto changed = fetch(deadline);
    if (!changed || *changed || steady_ms() >= end) return changed;
    sleep_ms(50);
  }
}

// Data that stands still for longer than three periods is old. The floor spans one poll that was
// missed; asking for less than a second is not our habit, but others may have.
std::int64_t JtopSession::patience_ms() const {
  const double interval = init_ ? init_->interval_s.value_or(1) : 1;
  return static_cast<std::int64_t>(3000 * std::clamp(interval, 1.0, 60.0)) + 500;
}

void JtopSession::accept(bool first_of_timer) {
  const PickleValue data = data_->root().at(1);
  readings_ = parse_jtop_data(data);
  if (init_) readings_.board = init_->board;
  // The first figures after a start of the service's timer are averages since boot.
  if (first_of_timer && uptime_) {
    for (auto& core : readings_.cores) core.utilization_ratio.reset();
  }
  changed_ms_ = steady_ms();
  fresh_ = true;
  revived_ = frozen_ = false;
}

// What the service holds before the exchange may be days old: only a change, or a small age on the
// same machine, makes it the present.
Status JtopSession::begin(std::int64_t deadline) {
  fresh_ = frozen_ = false;
  auto there = fetch(deadline);
  if (!there) return there.error();
  changed_ms_ = steady_ms();
  const double age = static_cast<double>(options_.clock().boot_ms) / 1000 - uptime_.value_or(0);
  const bool running =
      *there && uptime_ && options_.same_machine && age > -1 && age < 2 * options_.interval_s;
  if (Status status = exchange(); !status) return status;
  begun_ = true;
  heal_queue();
  if (running) {
    accept(false);
    return {};
  }
  auto changed = wait_for_change(deadline);
  if (!changed) return changed.error();
  if (!*changed) {
    return Error{ErrorCode::unavailable, "the jtop service has no data yet"};
  }
  accept(true);
  return {};
}

Status JtopSession::refresh(std::int64_t deadline) {
  const bool paused = !frozen_ && steady_ms() - said_ms_ > pause_ms;
  if (!frozen_) {
    if (Status status = put(pickle_dict({}), std::min(deadline, soon())); !status) return status;
  }
  auto changed = fetch(deadline);
  if (!changed) return changed.error();
  if (paused) {
    // What changed meanwhile may have changed long ago; only what comes now counts.
    fresh_ = false;
    changed = wait_for_change(std::min(deadline, steady_ms() + patience_ms() / 2));
    if (!changed) return changed.error();
    if (!*changed && !revived_) return revive(deadline);
  }
  if (*changed) {
    accept(!fresh_);
    if (steady_ms() - healed_ms_ > orphan_check_ms) heal_queue();
    return {};
  }
  if (steady_ms() - std::max(changed_ms_, asked_ms_) > patience_ms()) {
    fresh_ = false;
    if (!revived_) return revive(deadline);
    frozen_ = true;
  }
  if (fresh_) return {};
  if (!frozen_) return Error{ErrorCode::unavailable, "the jtop service has no data yet"};
  return Error{ErrorCode::unavailable,
               "the jtop service answers with frozen data: its collecting thread is dead "
               "(systemctl restart jtop)"};
}

// Its timer has stopped: somebody's interval shortened the time it waits, or we paused too long.
Status JtopSession::revive(std::int64_t deadline) {
  revived_ = true;
  if (Status status = exchange(); !status) return status;
  heal_queue();
  auto changed = wait_for_change(deadline);
  if (!changed) return changed.error();
  if (*changed) {
    accept(true);
    return {};
  }
  return Error{ErrorCode::unavailable, "the jtop service stopped collecting and was asked again"};
}

void JtopSession::keep_alive() {
  if (!connection_.is_open() || !begun_ || frozen_) return;
  // A failure shows at the next poll.
  (void)put(pickle_dict({}), soon()).ok();
}

// The connection is lost. Names of objects outlive a connection but not the service.
void JtopSession::drop(const Error& error) {
  connection_.close();
  fresh_ = begun_ = false;
  if (error.code != ErrorCode::timeout && error.code != ErrorCode::invalid) {
    queue_id_.clear();
    data_id_.clear();
  }
  data_.reset();
  uptime_.reset();
  last_error_ = error;
  // A missing socket costs nothing to look for.
  backoff_ms_ = error.code == ErrorCode::no_data
                    ? 0
                    : std::clamp(backoff_ms_ * 2, first_backoff_ms, longest_backoff_ms);
  retry_ms_ = steady_ms() + backoff_ms_;
}

void JtopSession::close() {
  if (connection_.is_open() && answer_owed_) take_back_answer();
  const bool known = connection_.is_open() && !connection_.peer_is_gone();
  connection_.close();
  const std::int64_t deadline = steady_ms() + 1000;
  for (std::string* ident : {&queue_id_, &data_id_}) {
    if (known && !ident->empty()) {
      auto connection = open_connection(deadline);
      if (connection) {
        const std::string args = pickle_tuple({pickle_text(*ident)});
        (void)jtop_call(*connection, {}, "decref", args, deadline).ok();
      }
    }
    ident->clear();
  }
  begun_ = fresh_ = false;
}

std::optional<double> JtopSession::sample_age() const {
  if (!data_) return std::nullopt;
  const double seen = static_cast<double>(steady_ms() - changed_ms_) / 1000;
  if (!uptime_ || !options_.same_machine) return seen;
  const double age = static_cast<double>(options_.clock().boot_ms) / 1000 - *uptime_;
  return std::max(age, 0.0);
}

}  // namespace godwit
