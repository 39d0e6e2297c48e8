#include "cloud/delivery.h"

#include <algorithm>
#include <cassert>

#include "cloud/refusal.h"
#include "cloud/write_request.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t settings_fault_retry_ms = 30'000;

bool is_worth_a_retry(int status) { return status == 429 || (status >= 500 && status < 600); }

// The answer's text goes to the log as it is and decides nothing (remote-write 1.0).
std::string describe(const HttpReply& reply) {
  std::string_view advice;
  if (reply.status == 404 || reply.status == 405) {
    advice = ": nothing takes remote-write there, check the path of remote_write.url";
  } else if (!is_worth_a_retry(reply.status)) {
    advice = ", check remote_write.url and its credentials";
  }
  std::string text = concat("HTTP status ", reply.status, advice);
  if (const auto body = trim(reply.body); !body.empty()) {
    text += concat(": ", body.substr(0, 200));
  }
  return text;
}

}  // namespace

Delivery::Delivery(HttpPost post, DeliveryOptions options, Pause pause, DeliveryStats& stats)
    : post_(std::move(post)),
      options_(std::move(options)),
      pause_(std::move(pause)),
      stats_(stats),
      random_(std::random_device{}()) {}

std::vector<UnitOutcome> Delivery::deliver(std::vector<WriteUnit> units) {
  std::vector<UnitOutcome> outcomes(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) outcomes[i].id = units[i].id;
  away_ = false;
  server_error_ = false;
  write_units(units, outcomes);
  return outcomes;
}

std::int64_t Delivery::jittered(std::int64_t ms) {
  return std::uniform_int_distribution<std::int64_t>(ms / 2, ms)(random_);
}

Delivery::Answer Delivery::post_once(const std::string& block, bool refuse_500,
                                     std::int64_t& wait_ms, bool& again) {
  HttpPostRequest request;
  request.headers = {"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
                     "User-Agent: " + options_.user_agent,
                     "X-Prometheus-Remote-Write-Version: 0.1.0"};
  request.body = block;
  ++stats_.requests;
  stats_.sent_bytes += block.size();
  const std::int64_t begin_ms = steady_ms();
  const auto reply = post_(request);
  stats_.request_ms += static_cast<std::uint64_t>(steady_ms() - begin_ms);

  again = true;
  server_error_ = reply.ok() && reply->status == 500;
  if (!reply) {
    ++stats_.failed_requests;
    stats_.log.failed(reply.error().message);
    return Answer::later;
  }
  if (reply->status >= 200 && reply->status < 300) {
    stats_.last_ok_ms = steady_ms();
    stats_.log.worked();
    return Answer::stored;
  }
  const bool refused = is_refusal(reply->status, reply->body);
  if (refused || (refuse_500 && server_error_)) {
    ++stats_.refused_requests;
    stats_.log.refused(reply->status, reply->body);
    refusal_ = refused ? refusal_reason(reply->status, reply->body) : "server_error";
    return Answer::refused;
  }
  ++stats_.failed_requests;
  stats_.log.failed(describe(*reply));
  if (!is_worth_a_retry(reply->status)) {
    again = false;
    wait_ms = settings_fault_retry_ms;
  } else if (const auto asked = parse_retry_after(reply->retry_after, system_clock()().wall_ms)) {
    wait_ms = std::max(wait_ms, std::min(*asked, options_.retry_after_max_ms));
  }
  return Answer::later;
}

Delivery::Answer Delivery::send(std::span<const std::string_view> bodies, const WriteUnit* unit) {
  if (away_) return Answer::later;
  const bool refuse_500 = unit != nullptr && unit->suspect;
  const std::string block = compress_bodies(bodies);
  const std::int64_t give_up_ms = steady_ms() + options_.retry_for_ms;
  std::int64_t backoff_ms = options_.backoff_min_ms;
  for (;;) {
    std::int64_t wait_ms = jittered(backoff_ms);
    bool again = true;
    const Answer answer = post_once(block, refuse_500, wait_ms, again);
    if (answer != Answer::later) return answer;
    hint_ms_ = std::max(wait_ms, options_.backoff_max_ms);
    if (server_error_ && unit != nullptr && !unit->patient) again = false;
    if (!again || steady_ms() + wait_ms > give_up_ms || !pause_(wait_ms)) break;
    ++stats_.retries;
    backoff_ms = std::min(backoff_ms * 2, options_.backoff_max_ms);
  }
  // A 500 may be the fault of what was sent; everything else is the database's or the path's.
  away_ = !server_error_;
  return Answer::later;
}

void Delivery::hand_back(std::span<UnitOutcome> outcomes) const {
  for (auto& outcome : outcomes) {
    outcome.stored = false;
    outcome.dropped.clear();
    outcome.found_stored = 0;
    outcome.server_error = server_error_;
    outcome.retry_after_ms = hint_ms_;
  }
}

void Delivery::write_units(std::span<WriteUnit> units, std::span<UnitOutcome> outcomes) {
  if (units.size() == 1) return write_alone(units.front(), outcomes.front());
  std::vector<std::string_view> bodies;
  for (const auto& unit : units) {
    assert(unit.bodies.size() == 1 && !unit.suspect);
    bodies.emplace_back(unit.bodies.front());
  }
  switch (send(bodies, nullptr)) {
    case Answer::stored:
      for (auto& outcome : outcomes) outcome.stored = true;
      return;
    case Answer::refused: {
      const std::size_t half = units.size() / 2;
      write_units(units.first(half), outcomes.first(half));
      return write_units(units.subspan(half), outcomes.subspan(half));
    }
    case Answer::later:
      return server_error_ ? write_each(units, outcomes) : hand_back(outcomes);
  }
}

// A request of several nodes met 500 to the end: one of them may be the cause. Stops when it looks
// like the database itself, so that a sick one is not flooded.
void Delivery::write_each(std::span<WriteUnit> units, std::span<UnitOutcome> outcomes) {
  constexpr std::size_t failures_that_tell = 2;
  std::size_t failures = 0;
  bool any_stored = false;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!any_stored && failures >= failures_that_tell) {
      server_error_ = false;
      return hand_back(outcomes.subspan(i));
    }
    write_alone(units[i], outcomes[i]);
    any_stored |= outcomes[i].stored;
    failures += outcomes[i].stored ? 0 : 1;
  }
}

void Delivery::write_alone(const WriteUnit& unit, UnitOutcome& outcome) {
  Isolation work;
  work.unit = &unit;
  work.outcome = &outcome;
  for (const auto& body : unit.bodies) {
    if (!write_body(body, work)) return hand_back({&outcome, 1});
  }
  if (unit.suspect && !unit.database_healthy && work.stored_parts == 0 &&
      outcome.dropped.contains("server_error")) {
    server_error_ = true;
    hint_ms_ = settings_fault_retry_ms;
    return hand_back({&outcome, 1});
  }
  outcome.stored = true;
}

}  // namespace godwit
