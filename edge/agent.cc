#include "edge/agent.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "edge/npd_check.h"
#include "edge/self.h"
#include "transport/envelope.h"
#include "transport/json_writer.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::size_t inbox_capacity = 256;
constexpr std::int64_t longest_sleep_ms = 1000;
// A tick that was taken at most so late is given the moment at which it was due: reading /proc
// takes as long, and even distances compress.
constexpr std::int64_t punctual_ms = 20;
constexpr std::int64_t self_interval_ms = 10'000;
constexpr std::int64_t farewell_ms = 2000;

// `truth` must outlive every buffer with these limits.
BufferLimits witnessed(BufferLimits limits, TruthLog& truth) {
  if (!truth.on()) return limits;
  limits.on_loss = [&truth](std::uint64_t stream, std::string_view reason,
                            const std::vector<std::uint64_t>& seqs) {
    truth.lost(stream, reason, seqs);
  };
  return limits;
}

UplinkOptions uplink_options(const AgentSettings& settings, const AgentParts& parts) {
  UplinkOptions options = parts.uplink;
  options.node = settings.node;
  options.birth.boot_id = parts.boot_id;
  options.birth.session = parts.session;
  options.birth.version = GODWIT_VERSION;
  options.flush_interval_ms = settings.flush_interval_ms;
  options.link = settings.link;
  if (!settings.buffer_path.empty()) options.meter_path = link_meter_path(settings.buffer_path);
  options.limits.history_age_ms = 2 * settings.flush_interval_ms + 10'000;
  if (settings.way.uses_eventbus()) options.limits.max_payload_bytes = max_envelope_payload;
  return options;
}

}  // namespace

std::string read_boot_id() {
  if (auto id = Host().read_line("/proc/sys/kernel/random/boot_id"); id && !id->empty()) {
    return std::move(*id);
  }
  return concat("random-", format_schema_id(static_cast<std::uint64_t>(system_clock()().wall_ms)));
}

Agent::Agent(AgentSettings settings, AgentParts parts)
    : settings_(std::move(settings)),
      parts_(std::move(parts)),
      health_(settings_.health),
      external_monitor_(health_, parts_.clock),
      npd_server_(serve_npd()),
      host_(settings_.root, parts_.clock),
      accelerator_pods_(host_),
      feature_file_(settings_.feature_file, accelerator_sources(settings_)),
      clock_(parts_.boot_id, parts_.clock, parts_.clock_synchronised),
      truth_(settings_.truth_log),
      keeper_(settings_.buffer_path, witnessed(settings_.buffer, truth_)),
      gatherer_(parts_.boot_id),
      status_(settings_.node, settings_.naming),
      inbox_(inbox_capacity) {
  recover();
  recall_health();
  if (parts_.link) {
    uplink_.emplace(*parts_.link, clock_, uplink_options(settings_, parts_));
    if (truth_.on()) uplink_->set_witness([this](const Frame& frame) { truth_.sent(frame); });
  }
}

Agent::~Agent() {
  // Nothing may push into the inbox any more when it goes.
  runners_.clear();
  if (parts_.link) parts_.link->stop(0);
}

Status Agent::start() {
  for (const auto& choice : settings_.collectors) {
    const auto deliver = [this](CollectorResult&& result) {
      (void)inbox_.push(Event(std::move(result)));  // counted when full
    };
    runners_.push_back(std::make_unique<CollectorRunner>(runners_.size(), *choice.spec,
                                                         choice.settings, host_, deliver));
  }
  if (!settings_.http_listen.empty()) {
    HttpServerOptions options;
    options.listen = settings_.http_listen;
    auto server = start_http_server(options, [this](const HttpRequest& request) {
      if (request.path.starts_with("/conditions")) {
        return answer_conditions(request.path, health_, now());
      }
      return status_.answer(request, steady_ms());
    });
    if (server) {
      http_ = std::move(*server);
    } else {
      // Another agent may hold the port; readings matter more than showing them.
      log::error("http", server.error().message);
    }
  }
  if (uplink_) {
    if (Status s = uplink_->subscribe(); !s) return s;
    return parts_.link->start([this](LinkEvent&& event) {
      (void)inbox_.push(Event(std::move(event)));  // a lost ack is asked for again by resending
    });
  }
  return {};
}

Status Agent::run() {
  if (keeper_.is_locked_out()) return *keeper_.trouble();
  if (Status status = start(); !status) return status;
  const std::int64_t start_ms = now().boot_ms;
  flush_due_ms_ = start_ms + std::min<std::int64_t>(settings_.flush_interval_ms, 1000);
  while (!stopping_) {
    const std::int64_t now_ms = now().boot_ms;
    turn(inbox_.wait(std::clamp<std::int64_t>(next_wake_ms(now_ms) - now_ms, 0, longest_sleep_ms)));
  }
  finish();
  return {};
}

void Agent::stop() {
  stopping_ = true;
  inbox_.wake();
}

std::int64_t Agent::next_wake_ms(std::int64_t now_ms) const {
  std::int64_t next = now_ms + longest_sleep_ms;
  for (const auto& runner : runners_) next = std::min(next, runner->due_ms());
  if (gatherer_.gathered_ticks() > 0) next = std::min(next, flush_due_ms_);
  if (uplink_) next = std::min(next, uplink_->next_step_ms());
  return next;
}

void Agent::turn(std::vector<Event>&& events) {
  std::int64_t now_ms = now().boot_ms;
  for (auto& event : events) handle(std::move(event), now_ms);
  if (clock_.observe(parts_.clock_synchronised())) store_clock();
  collect_due(now_ms);
  now_ms = now().boot_ms;
  keep_stored(now_ms);
  if (uplink_) {
    step_uplink(now_ms);
    if (uplink_->take_clock_change()) store_clock();
  }
}

void Agent::step_uplink(std::int64_t now_ms) {
  if (outbox().epoch() != boots_of_) learn_boots();
  uplink_->step(outbox(), now_ms);
  const auto failed = uplink_->take_buffer_error();
  if (failed && keeper_.replace_outbox(*failed, now_ms)) buffer_changed();
}

void Agent::handle(Event&& event, std::int64_t now_ms) {
  if (auto* link_event = std::get_if<LinkEvent>(&event)) {
    if (!uplink_) return;
    uplink_->on_event(*link_event, outbox(), now_ms);
    // The next frame goes out before further events are looked at.
    step_uplink(now_ms);
    return;
  }
  auto& result = std::get<CollectorResult>(event);
  const std::int64_t boot_ms = result.boot_ms;
  Batch tick;
  conclude(std::move(result), tick);
  take_health(tick, boot_ms);
  take_tick(std::move(tick), boot_ms);
}

void Agent::collect_due(std::int64_t now_ms) {
  Batch tick;
  std::int64_t due_ms = std::numeric_limits<std::int64_t>::min();
  for (const auto& runner : runners_) {
    if (runner->due_ms() > now_ms) continue;
    due_ms = std::max(due_ms, runner->due_ms());
    if (runner->quick()) {
      conclude(runner->run(now_ms), tick);
    } else if (auto overrun = runner->request(now_ms)) {
      conclude(std::move(*overrun), tick);
    }
  }
  if (self_due_ms_ <= now_ms) {
    due_ms = std::max(due_ms, self_due_ms_);
    self_due_ms_ = (now_ms / self_interval_ms + 1) * self_interval_ms;
    take_self_readings(tick);
  }
  take_health(tick, now_ms);
  take_tick(std::move(tick), due_ms >= now_ms - punctual_ms ? due_ms : now_ms);
}

void Agent::conclude(CollectorResult&& result, Batch& tick) {
  CollectorRunner& runner = *runners_[result.index];
  const auto wall_ms = clock_.wall_ms(parts_.boot_id, result.boot_ms);
  runner.conclude(result, wall_ms);
  health_.observe(runner.name(), result.status, result.batch, {result.boot_ms, wall_ms});
  accelerator_pods_.observe(runner.name(), result.status, result.batch, result.boot_ms);
  feature_file_.observe(runner.name(), result.status, result.batch, result.boot_ms);
  show_readings(runner.name(), result.batch, wall_ms);
  accelerator_pods_.join(runner.name(), result.batch);
  tick.append(std::move(result.batch));
}

void Agent::show_readings(std::string_view name, const Batch& batch,
                          std::optional<std::int64_t> wall_ms) {
  std::vector<Sample> shown = batch.samples();
  std::erase_if(shown, [](const Sample& sample) { return is_stale_marker(sample.value); });
  publish_latest(name, shown, wall_ms);
  status_.put(name, std::move(shown));
}

void Agent::take_self_readings(Batch& tick) {
  SelfState state;
  state.pod = settings_.pod;
  state.pod_namespace = settings_.pod_namespace;
  state.buffer = keeper_.stats();
  state.durability = settings_.buffer.durability;
  state.buffer_limit_bytes = settings_.buffer.max_bytes;
  state.buffer_in_memory = keeper_.trouble().has_value();
  state.gathered_ticks = gatherer_.gathered_ticks();
  state.clock_state = clock_.state();
  state.clock = clock_.facts();
  if (uplink_) {
    state.uplink = uplink_->stats();
    state.link_budget = uplink_->budget().state();
    state.link_limits = settings_.link;
    state.link = parts_.link->stats();
  }
  if (uplink_) uplink_->set_collectors(collector_troubles(), self_due_ms_);
  const auto oldest = outbox().oldest();
  const auto wall_now = clock_.wall_now();
  if (uplink_ && wall_now) {
    state.link_day = uplink_->meter().day(*wall_now);
    state.link_month = uplink_->meter().month(*wall_now);
  }
  if (oldest && *oldest && wall_now) {
    if (const auto at = clock_.wall_ms((*oldest)->boot_id, (*oldest)->first_boot_ms)) {
      state.oldest_age_ms = std::max<std::int64_t>(0, *wall_now - *at);
    }
  }
  Batch own;
  add_self_readings(state, own);
  std::vector<Sample> shown = own.samples();
  status_.put("self", std::move(shown));
  tick.append(std::move(own));
}

void Agent::take_tick(Batch&& tick, std::int64_t boot_ms) {
  if (tick.empty()) return;
  if (gatherer_.gathered_ticks() > 0) boot_ms = std::max(boot_ms, last_tick_ms_);
  last_tick_ms_ = boot_ms;
  ++ticks_taken_;
  const Status status = gatherer_.add(tick.samples(), boot_ms, buffer());
  truth_.tick(buffer().epoch(), gatherer_.last_seq(), boot_ms,
              clock_.wall_ms(parts_.boot_id, boot_ms), tick.samples());
  if (uplink_ && gatherer_.schema()) uplink_->set_current_schema(*gatherer_.schema());
  if (!status) replace_buffer(status.error(), boot_ms);
}

void Agent::finish() {
  flush(now().boot_ms);
  if (uplink_) {
    const std::int64_t end_ms = now().boot_ms + farewell_ms;
    std::int64_t now_ms = now().boot_ms;
    while (uplink_->connected() && !outbox().empty() && now_ms < end_ms) {
      step_uplink(now_ms);
      for (auto& event : inbox_.wait(50)) {
        if (auto* link_event = std::get_if<LinkEvent>(&event)) {
          uplink_->on_event(*link_event, outbox(), now().boot_ms);
        }
      }
      now_ms = now().boot_ms;
    }
    uplink_->say_goodbye(outbox());
    parts_.link->stop(1000);
    uplink_->store_meter();
  }
  keeper_.finish();
  if (const Status status = buffer().flush(); !status) {
    log::error("buffer", status.error().message);
  }
  log::info("agent", "stopped", {{"waiting_ticks", buffer().stats().ticks}});
}

}  // namespace godwit
