#include "cloud/node_patcher.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t log_interval_ms = minute;
constexpr std::int64_t denied_pause_ms = minute;
constexpr int conflict_status = 409;

bool says_the_same(const NpuReport& a, const NpuReport& b) {
  return a.chips == b.chips && a.card_watts == b.card_watts;
}

const char* result_name(const Error& error) {
  if (error.code == ErrorCode::no_data) return "missing";
  if (error.code == ErrorCode::permission) return "denied";
  return "failed";
}

}  // namespace

NodePatcher::NodePatcher(KubernetesClient client, NodePatcherOptions options,
                         Backoff::Random random)
    : client_(std::move(client)),
      options_(options),
      random_(random),
      server_backoff_(second, minute, std::move(random)) {}

void NodePatcher::on_live(std::string_view node, NodeNews news) {
  const std::lock_guard lock(mutex_);
  Mail* mail = find_or_add(node);
  if (mail == nullptr) return;
  mail->live_ms = std::max(mail->live_ms, news.live_ms);
  if (news.report) {
    const NpuReport* before = mail->report ? &*mail->report : nullptr;
    mail->report = complete_report(before, std::move(*news.report), options_.limits.stale_after_ms);
  }
  if (news.problems) mail->problems = std::move(news.problems);
}

void NodePatcher::on_presence(std::string_view node, bool online) {
  const std::lock_guard lock(mutex_);
  if (Mail* mail = find_or_add(node)) mail->online = online;
}

NodePatcher::Mail* NodePatcher::find_or_add(std::string_view node) {
  if (const auto found = mail_.find(node); found != mail_.end()) return &found->second;
  if (mail_.size() < options_.max_nodes) return &mail_[std::string(node)];
  ++refused_;
  return nullptr;
}

NodePatcherStats NodePatcher::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::int64_t NodePatcher::step(std::int64_t now_wall_ms, std::int64_t steady_ms) {
  take_mail(steady_ms);
  const std::int64_t wait = wait_ms(steady_ms);
  if (wait <= 0 && !events_.empty()) {
    send_event(steady_ms);
  } else if (wait <= 0) {
    look_after(entries_.find(schedule_.begin()->second), now_wall_ms, steady_ms);
  }
  publish_stats(steady_ms);
  return std::max<std::int64_t>(wait, 0);
}

void NodePatcher::take_mail(std::int64_t steady_ms) {
  std::map<std::string, Mail, std::less<>> mail;
  {
    const std::lock_guard lock(mutex_);
    mail.swap(mail_);
  }
  for (auto& [node, news] : mail) {
    auto entry = entries_.find(node);
    if (entry == entries_.end()) {
      if (entries_.size() >= options_.max_nodes) {
        ++counted_.refused;
        continue;
      }
      entry = entries_.try_emplace(node).first;
    }
    entry->second.heard_ms = steady_ms;
    Entry& known = entry->second;
    if (news.online) known.view.online = *news.online;
    bool is_news = known.view.live_ms == 0 && news.live_ms > 0 && options_.limits.conditions;
    if (news.live_ms - known.view.live_ms >= options_.limits.stale_after_ms) {
      known.view.since_ms = news.live_ms;
    }
    known.view.live_ms = std::max(known.view.live_ms, news.live_ms);
    if (news.report) is_news = take_report(known, std::move(*news.report)) || is_news;
    if (news.problems) is_news = take_problems(known, std::move(*news.problems)) || is_news;
    // Whoever failed waits for his turn.
    if (is_news && known.pause_ms == 0) {
      set_due(entry, std::min(known.due_ms, std::max(steady_ms, known.not_before_ms)));
    } else if (news.online && known.pause_ms == 0) {
      // By then a node that is away shows old readings, if it shows any.
      const std::int64_t stale_ms = steady_ms + spread(options_.limits.stale_after_ms);
      set_due(entry, std::min(known.due_ms, stale_ms));
    }
  }
}

bool NodePatcher::take_report(Entry& known, NpuReport&& report) const {
  auto& present = known.view.report;
  if (present && report.time_ms <= present->time_ms) return false;
  const NodeLimits& limits = options_.limits;
  present =
      complete_report(present ? &*present : nullptr, std::move(report), limits.stale_after_ms);
  return limits.annotations &&
         (!known.told || !says_the_same(*known.told, *present) ||
          present->time_ms - known.told->time_ms >= limits.stale_after_ms / 3);
}

bool NodePatcher::take_problems(Entry& known, ProblemReport&& report) {
  auto& present = known.view.problems;
  if (present && report.time_ms <= present->time_ms) return false;
  present = std::move(report);
  return !known.told_problems || *known.told_problems != present->problems;
}

void NodePatcher::set_due(Entries::iterator entry, std::int64_t due_ms) {
  schedule_.erase({entry->second.due_ms, entry->first});
  entry->second.due_ms = due_ms;
  schedule_.insert({due_ms, entry->first});
}

void NodePatcher::erase(Entries::iterator entry) {
  schedule_.erase({entry->second.due_ms, entry->first});
  if (entry->second.missing) --missing_;
  entries_.erase(entry);
}

std::int64_t NodePatcher::wait_ms(std::int64_t steady_ms) {
  const double passed_s = static_cast<double>(steady_ms - tokens_at_ms_) / 1000;
  tokens_ = std::min(std::max(1.0, options_.qps), tokens_ + passed_s * options_.qps);
  tokens_at_ms_ = steady_ms;
  if (schedule_.empty() && events_.empty()) return hour;
  const std::int64_t due_ms = events_.empty() ? schedule_.begin()->first : steady_ms;
  std::int64_t wait = std::max(due_ms, paused_until_ms_) - steady_ms;
  if (tokens_ < 1) {
    wait = std::max(wait, static_cast<std::int64_t>((1 - tokens_) / options_.qps * 1000) + 1);
  }
  return std::min(wait, hour);
}

void NodePatcher::look_after(Entries::iterator entry, std::int64_t now_wall_ms,
                             std::int64_t steady_ms) {
  if (!is_node_name(entry->first)) return on_missing(entry, steady_ms);
  NodeRequests made;
  const auto decision =
      write_node(client_, entry->first, entry->second.view, options_.limits, now_wall_ms, made);
  tokens_ -= static_cast<double>(made.requests);
  counted_.patches += made.patches;
  if (made.conflicts > 0) counted_.requests["conflict"] += made.conflicts;
  const bool failed = !decision && client_.last_status() != conflict_status;
  counted_.requests["ok"] += made.requests - made.conflicts - (failed ? 1 : 0);
  if (made.patches > 0) {
    entry->second.not_before_ms = steady_ms + spread(options_.limits.min_interval_ms);
  }
  if (!decision) {
    if (failed) ++counted_.requests[result_name(decision.error())];
    return on_failure(entry, decision.error(), steady_ms);
  }
  server_backoff_.reset();
  if (options_.events) {
    for (const auto& change : decision->conditions.changes) {
      events_.add(entry->first, decision->uid, change);
    }
  }
  on_written(entry, *decision, now_wall_ms, steady_ms);
}

void NodePatcher::send_event(std::int64_t steady_ms) {
  tokens_ -= 1;
  const Status sent = events_.send(client_);
  ++counted_.requests[sent ? "ok" : result_name(sent.error())];
  if (sent) return server_backoff_.reset();
  tell_trouble(sent.error(), steady_ms);
  pause_all(sent.error(), steady_ms);
}

void NodePatcher::on_written(Entries::iterator entry, const NodeDecision& decision,
                             std::int64_t now_wall_ms, std::int64_t steady_ms) {
  Entry& known = entry->second;
  if (std::exchange(known.missing, false)) --missing_;
  known.pause_ms = 0;
  const NodeLimits& limits = options_.limits;
  const AnnotationDecision& annotations = decision.annotations;
  const auto& own = known.view.report;
  if (own && own->time_ms == annotations.shown_ms) {
    known.told = own;
  } else if (!known.told || known.told->time_ms / second != annotations.shown_ms / second) {
    known.told.reset();  // another relay's
  }
  known.told_problems.reset();
  if (known.view.problems) known.told_problems = known.view.problems->problems;

  std::int64_t next_ms = INT64_MAX;  // when the object needs another look without further news
  if (annotations.shown_ms > 0 && !annotations.is_stale) {
    next_ms = annotations.shown_ms + patience_ms(known.view, limits);
  }
  const ConditionDecision& conditions = decision.conditions;
  if (conditions.shown_ms > 0 && !conditions.is_stale) {
    const std::int64_t newest_ms = std::max(conditions.shown_ms, known.view.live_ms);
    next_ms = std::min(next_ms, newest_ms + condition_patience_ms(known.view, limits));
    if (now_wall_ms - known.view.live_ms < limits.stale_after_ms) {
      next_ms = std::min(next_ms, conditions.shown_ms + limits.heartbeat_ms);
    }
  }
  // Nothing is left to do until somebody hears of the node again.
  if (next_ms == INT64_MAX) return erase(entry);
  const std::int64_t wait_ms = std::max(next_ms - now_wall_ms, limits.min_interval_ms / 2);
  set_due(entry, steady_ms + wait_ms + spread(second));
}

void NodePatcher::on_missing(Entries::iterator entry, std::int64_t steady_ms) {
  Entry& known = entry->second;
  if (!std::exchange(known.missing, true)) ++missing_;
  if (!known.view.online && steady_ms - known.heard_ms >= hour) return erase(entry);
  tell_missing(entry->first, steady_ms);
  known.pause_ms = std::clamp(known.pause_ms * 2, minute, hour);
  set_due(entry, steady_ms + spread(known.pause_ms));
}

void NodePatcher::on_failure(Entries::iterator entry, const Error& error, std::int64_t steady_ms) {
  if (error.code == ErrorCode::no_data) return on_missing(entry, steady_ms);
  Entry& known = entry->second;
  known.pause_ms = error.code == ErrorCode::rejected
                       ? std::clamp(known.pause_ms * 2, minute, hour)
                       : std::clamp(known.pause_ms * 2, second, 5 * minute);
  set_due(entry, steady_ms + spread(known.pause_ms));
  tell_trouble(error, steady_ms);
  pause_all(error, steady_ms);
}

void NodePatcher::pause_all(const Error& error, std::int64_t steady_ms) {
  std::int64_t pause_ms = client_.retry_after_ms();
  if (error.code == ErrorCode::permission) pause_ms = std::max(pause_ms, denied_pause_ms);
  // One object that cannot be written (500) is no reason to leave the others.
  const int status = client_.last_status();
  if (status == 0 || status == 429 || status == 503) {
    pause_ms = std::max(pause_ms, server_backoff_.next_ms());
  }
  if (pause_ms > 0) paused_until_ms_ = steady_ms + spread(pause_ms);
}

std::int64_t NodePatcher::spread(std::int64_t ms) const {
  return ms + static_cast<std::int64_t>(static_cast<double>(ms) * 0.2 * random_());
}

void NodePatcher::tell_missing(const std::string& node, std::int64_t steady_ms) {
  if (steady_ms < next_missing_log_ms_) return;
  next_missing_log_ms_ = steady_ms + log_interval_ms;
  log::warning("kubernetes", "there is no Node of that name",
               {{"node", quote_for_message(node)}, {"missing", missing_}});
}

void NodePatcher::tell_trouble(const Error& error, std::int64_t steady_ms) {
  if (steady_ms < next_trouble_log_ms_) return;
  next_trouble_log_ms_ = steady_ms + log_interval_ms;
  const bool is_denied = error.code == ErrorCode::permission;
  log::warning("kubernetes", "a Node cannot be written",
               {{"reason", error.message},
                {"advice", is_denied ? "add deploy/components/node-annotations, node-conditions"
                                     : "none: tried again"}});
}

void NodePatcher::publish_stats(std::int64_t steady_ms) {
  counted_.nodes = entries_.size();
  counted_.missing = missing_;
  counted_.dropped_events = events_.dropped();
  counted_.behind_ms =
      schedule_.empty() ? 0 : std::max<std::int64_t>(0, steady_ms - schedule_.begin()->first);
  const std::lock_guard lock(mutex_);
  stats_ = counted_;
  stats_.refused += refused_;
}

}  // namespace godwit
