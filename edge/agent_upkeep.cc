// The agent's housekeeping between ticks: flushing, expiry, a buffer that fails, what it shows.
#include <algorithm>
#include <utility>

#include "edge/agent.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t expire_interval_ms = 60'000;
constexpr int max_expired_rows = 200;  // per turn
constexpr std::size_t max_trouble_bytes = 240;
constexpr std::int64_t show_interval_ms = 1000;
// In turns of show(): a relay speaks at least every 10 s.
constexpr int undated_patience_turns = 15;

}  // namespace

void Agent::recover() {
  learn_boots();
  if (const std::uint64_t ticks = buffer().recovered_ticks(); ticks > 0) {
    log::info("buffer", "took back ticks of a process that did not end cleanly",
              {{"ticks", ticks}});
  }
  if (const Status begun = keeper_.begin_stream(); !begun) {
    replace_buffer(begun.error(), now().boot_ms);
  }
  gatherer_.move_to(buffer());
}

// What the buffer that is sent from knows of the time; the present boot's may be known better by
// now.
void Agent::learn_boots() {
  boots_of_ = outbox().epoch();
  const auto boots = outbox().boots();
  if (!boots) return;
  for (const auto& boot : *boots) {
    if (!boot.offset_ms) continue;
    const bool is_better =
        boot.boot_id != parts_.boot_id || clock_.offset().quality == BootClock::Quality::unknown;
    if (!is_better) continue;
    clock_.restore(boot.boot_id, {*boot.offset_ms, static_cast<BootClock::Quality>(boot.quality)});
  }
}

// Moves what is gathered into the buffer when it is time, and keeps the buffer in order.
void Agent::keep_stored(std::int64_t now_ms) {
  if (keeper_.retry(now_ms)) buffer_changed();
  if (now_ms >= flush_due_ms_) flush(now_ms);
  if (const Status tended = buffer().tend(now_ms); !tended) replace_buffer(tended.error(), now_ms);
  if (now_ms >= show_due_ms_) show(now_ms);
  if (now_ms >= expire_due_ms_) expire(now_ms);
}

void Agent::flush(std::int64_t now_ms) {
  flush_due_ms_ = now_ms + settings_.flush_interval_ms;
  Status status = gatherer_.flush(buffer());
  if (!status) replace_buffer(status.error(), now_ms);
  if (!boot_stored_) store_clock();
}

void Agent::replace_buffer(const Error& error, std::int64_t now_ms) {
  keeper_.replace(error, now_ms);
  buffer_changed();
  if (const Status status = gatherer_.flush(buffer()); !status) {
    log::error("buffer", status.error().message);
  }
}

void Agent::buffer_changed() {
  gatherer_.move_to(buffer());
  boot_stored_ = false;
}

void Agent::store_clock() {
  const auto offset = clock_.offset();
  BootRecord boot{parts_.boot_id, std::nullopt, static_cast<int>(offset.quality)};
  if (offset.quality != BootClock::Quality::unknown) boot.offset_ms = offset.ms;
  const Status status = buffer().put_boot(boot);
  boot_stored_ = status.ok();
  if (!status) log::warning("buffer", status.error().message);
}

// A few rows at a time, so that a node that was off for months goes on sampling meanwhile.
void Agent::expire(std::int64_t now_ms) {
  expire_due_ms_ = now_ms + expire_interval_ms;
  gatherer_.forget_old_schemas();
  for (int rows = 0; rows < max_expired_rows; ++rows) {
    const auto oldest = outbox().oldest_not_pinned();
    if (!oldest || !*oldest || least_age_ms(**oldest, now_ms) <= settings_.max_age_ms) return;
    if (!outbox().drop_oldest("age")) return;
  }
  expire_due_ms_ = now_ms + 1000;
}

// What cannot be dated is at least as old as this boot, or as boot time says.
std::int64_t Agent::least_age_ms(const StoredFrame& row, std::int64_t now_ms) const {
  if (row.boot_id == parts_.boot_id) return now_ms - row.last_boot_ms;
  const auto wall_now = clock_.wall_now();
  const auto at = clock_.wall_ms(row.boot_id, row.last_boot_ms);
  return wall_now && at ? *wall_now - *at : now_ms;
}

std::uint64_t Agent::delivered_seq() {
  const auto oldest = outbox().oldest();
  if (oldest && *oldest) return (*oldest)->first_seq - 1;
  return gatherer_.last_seq() - gatherer_.gathered_ticks();
}

// Readings without a wall time are not sent; a person should know for what they wait.
void Agent::tell_undated() {
  const bool undated =
      uplink_ && uplink_->connected() && clock_.offset().quality == BootClock::Quality::unknown;
  undated_turns_ = undated ? undated_turns_ + 1 : 0;
  if (undated_turns_ != undated_patience_turns) return;
  log::warning(
      "clock",
      "readings wait: the kernel's clock is not synchronised (is NTP running?) and no relay "
      "that knows the time has answered yet");
}

void Agent::show_link(JsonWriter& json) const {
  if (!uplink_) return;
  const auto usage = [&](std::string_view key, const LinkUsage& bytes) {
    json.key(key);
    json.begin_object();
    json.member("sent_bytes", bytes.sent_bytes);
    json.member("received_bytes", bytes.received_bytes);
    json.end_object();
  };
  json.key("link");
  json.begin_object();
  const LinkStats stats = parts_.link->stats();
  usage("since_start", {stats.sent_wire_bytes, stats.received_wire_bytes});
  if (const auto wall_now = clock_.wall_now()) {
    usage("day", uplink_->meter().day(*wall_now));
    usage("month", uplink_->meter().month(*wall_now));
  }
  usage("undated", uplink_->meter().undated());
  json.member("budget", state_name(uplink_->budget().state()));
  json.end_object();
}

void Agent::show_clock(JsonWriter& json) const {
  json.member("clock", clock_.state());
  const auto facts = clock_.facts();
  if (!facts) return;
  json.member("wall_ms", *clock_.wall_now());
  json.member("machine_clock_ahead_ms", facts->machine_ahead_ms);
  json.member("clock_steps", facts->steps);
  json.member("clock_unconfirmed_ms", facts->confirmed_before_ms);
}

void Agent::show(std::int64_t now_ms) {
  show_due_ms_ = now_ms + show_interval_ms;
  tell_undated();
  std::string not_ready;
  if (ticks_taken_ == 0) not_ready = "nothing collected yet";
  if (now_ms - last_tick_ms_ > 60'000 + 3 * settings_.interval_ms)
    not_ready = "nothing is collected";
  if (keeper_.trouble())
    not_ready = concat("readings are kept in RAM: ", keeper_.trouble()->message);
  status_.turn(steady_ms(), std::move(not_ready));
  if (!http_) return;
  const BufferStats stats = keeper_.stats();
  JsonWriter json(2);
  json.begin_object();
  json.member("version", GODWIT_VERSION);
  json.member("node", settings_.node);
  json.member("boot_id", parts_.boot_id);
  show_clock(json);
  json.member("stream", format_schema_id(buffer().epoch()));
  json.member("last_seq", gatherer_.last_seq());
  json.member("delivered_seq", delivered_seq());
  json.member("buffer_path", buffer().path());
  json.member("waiting_ticks", stats.ticks + gatherer_.gathered_ticks());
  json.member("waiting_bytes", stats.bytes);
  json.member("file_bytes", stats.file_bytes);
  json.member("connected", uplink_ && uplink_->connected());
  json.member("inbox_refused", inbox_.refused());
  show_link(json);
  json.key("collectors");
  json.begin_object();
  for (const auto& runner : runners_) {
    const auto& error = runner->last_error();
    json.member(runner->name(), error ? error->message : runner->ever_ran() ? "ok" : "not run yet");
  }
  json.end_object();
  json.end_object();
  status_.set_debug(json.text() + "\n");
}

std::vector<CollectorTrouble> Agent::collector_troubles() const {
  std::vector<CollectorTrouble> troubles;
  for (const auto& runner : runners_) {
    const auto& error = runner->last_error();
    if (!error || troubles.size() == max_collector_troubles) continue;
    std::string message = error->message.substr(0, max_trouble_bytes);
    while (!is_utf8(message)) message.pop_back();
    troubles.push_back(
        {std::string(runner->name()), error->code == ErrorCode::no_data, std::move(message)});
  }
  return troubles;
}

}  // namespace godwit
