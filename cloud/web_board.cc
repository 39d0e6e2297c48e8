#include "cloud/web_board.h"

#include <algorithm>
#include <utility>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

// A node that has no status (none came through its way) is there as long as it is heard.
constexpr std::int64_t silent_ms = 90'000;
// What was held back for less is no event: a relay that begins anew makes every node do so.
constexpr std::int64_t told_backlog_ms = 60'000;

BacklogWatch::Piece piece_of(const Frame& frame) {
  return {frame.times_ms.front(), frame.times_ms.back(), frame.ticks(), frame.samples()};
}

// The last value of a series without labels.
std::optional<double> last_value(const Schema& schema, const Frame& frame, std::string_view name) {
  const std::size_t width = std::min(schema.series.size(), frame.columns.size());
  for (std::size_t c = 0; c < width; ++c) {
    if (schema.series[c].name != name) continue;
    const auto& column = frame.columns[c];
    const auto last = std::find_if(column.rbegin(), column.rend(),
                                   [](double value) { return !is_absent(value); });
    if (last != column.rend()) return *last;
  }
  return std::nullopt;
}

std::string loss_text(std::uint64_t ticks, std::string_view reason) {
  if (reason == "thinned") return concat(ticks, " ticks thinned out to make room for newer ones");
  if (reason == "full") return concat(ticks, " ticks lost: the buffer was full");
  if (reason == "age") return concat(ticks, " ticks lost: older than the buffer keeps");
  if (reason == "capped") return concat(ticks, " ticks lost: the link's cap was reached");
  if (reason == "undatable") return concat(ticks, " ticks lost: their time was never known");
  return concat(ticks, " ticks lost: ", reason);
}

bool same_problems(const std::vector<WebProblem>& a, const std::vector<WebProblem>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const WebProblem& one, const WebProblem& other) {
                      return one.type == other.type && one.reason == other.reason;
                    });
}

}  // namespace

WebBoard::Entry* WebBoard::find_or_add(std::string_view node) {
  if (const auto found = entries_.find(node); found != entries_.end()) return &found->second;
  return entries_.size() < max_nodes_ ? &entries_[std::string(node)] : nullptr;
}

void WebBoard::mark(std::string_view node, Entry& entry) {
  if (!std::exchange(entry.changed, true)) changed_.emplace_back(node);
}

void WebBoard::tell(std::string_view node, std::int64_t now_ms, std::string_view kind,
                    std::string_view severity, std::string text) {
  events_.add({0, now_ms, std::string(node), kind, severity, std::move(text)});
}

void WebBoard::on_presence(std::string_view node, const NodePresence* presence, bool retained,
                           std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (presence == nullptr) {
    if (entries_.erase(std::string(node)) > 0) gone_.emplace_back(node);
    return;
  }
  Entry* const entry = find_or_add(node);
  if (entry == nullptr) return;
  const bool first = !std::exchange(entry->has_status, true);
  const bool same = !first && entry->online == presence->online;
  entry->online = presence->online;
  entry->version = presence->version;
  entry->clock = presence->clock;
  entry->collectors = presence->collectors;
  entry->since_ms = std::nullopt;  // of a death that was there before us
  if (presence->since_ms > 0) entry->since_ms = std::min(presence->since_ms, now_ms);
  if (presence->online && !entry->backlog.episode()) {
    entry->backlog.on_told(presence->backlog_ticks, std::nullopt);
  }
  mark(node, *entry);
  if (same || (first && retained)) return;
  tell(node, now_ms, entry->online ? "online" : "offline", entry->online ? "info" : "warning",
       entry->online ? "connected" : "not connected any more");
}

void WebBoard::on_live(std::string_view node, const Schema& schema, const Frame& frame,
                       std::int64_t now_ms) {
  if (frame.ticks() == 0) return;
  const auto ticks = last_value(schema, frame, "godwit_buffer_ticks");
  const auto age_s = last_value(schema, frame, "godwit_buffer_oldest_age_seconds");
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_or_add(node);
  if (entry == nullptr) return;
  entry->heard_ms = now_ms;
  const bool is_count = ticks && *ticks >= 0 && *ticks < 1e15;
  entry->backlog.on_live(
      piece_of(frame), is_count ? std::optional(static_cast<std::uint64_t>(*ticks)) : std::nullopt,
      age_s);
  note_losses(node, *entry, frame, now_ms);
  mark(node, *entry);
}

void WebBoard::on_history(std::string_view node, const Frame& frame, std::int64_t now_ms) {
  if (frame.ticks() == 0) return;
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_or_add(node);
  if (entry == nullptr) return;
  entry->heard_ms = now_ms;
  entry->backlog.on_history(piece_of(frame), now_ms);
  note_losses(node, *entry, frame, now_ms);
  mark(node, *entry);
}

// A frame tells all that the stream has lost since it began.
void WebBoard::note_losses(std::string_view node, Entry& entry, const Frame& frame,
                           std::int64_t now_ms) {
  const bool knew = entry.stream == frame.stream;
  if (!knew) entry.lost.clear();
  entry.stream = frame.stream;
  if (frame.lost.empty()) return;
  for (const auto& [reason, ticks] : frame.lost) {
    const auto known = entry.lost.find(reason);
    const std::uint64_t before = known == entry.lost.end() ? 0 : known->second;
    if (!knew || ticks <= before) continue;
    tell(node, now_ms, "loss", reason == "thinned" ? "warning" : "critical",
         loss_text(ticks - before, reason));
  }
  entry.lost = frame.lost;
}

void WebBoard::note_time(const std::string& node, Entry& entry, std::int64_t now_ms) {
  const bool there = entry.heard_ms && now_ms - *entry.heard_ms < silent_ms;
  if (!entry.has_status && entry.online != there) {
    entry.online = there;
    mark(node, entry);
  }
  const auto ended = entry.backlog.take_ended(now_ms);
  const auto& episode = entry.backlog.episode();
  if (ended) mark(node, entry);
  if (ended && std::exchange(entry.told_catching_up, false)) {
    tell(node, now_ms, "caught_up", "info",
         concat("sent ", ended->ticks, " ticks from ", format_utc(ended->begin_ms), " to ",
                format_utc(ended->position_ms)));
  } else if (episode && !entry.told_catching_up &&
             episode->started_ms - episode->begin_ms > told_backlog_ms) {
    entry.told_catching_up = true;
    tell(node, now_ms, "catching_up", "info",
         concat("sends what it held back since ", format_utc(episode->begin_ms)));
  }
}

void WebBoard::complete(const Entry& entry, std::int64_t now_ms, WebSummary& summary) const {
  summary.online = entry.online;
  summary.since_ms = entry.since_ms;
  summary.heard_ms = entry.heard_ms;
  if (!entry.version.empty()) summary.version = entry.version;
  if (summary.clock == "unknown" && !entry.clock.empty()) {
    const bool known = entry.clock == "synchronised" || entry.clock == "relay";
    summary.clock = known ? "synchronized" : "unsynchronized";
  }
  summary.backlog = entry.backlog.describe(now_ms);
}

void WebBoard::compare(const WebSummary& before, const WebSummary& after, std::int64_t now_ms) {
  if (before.health == after.health && same_problems(before.problems, after.problems)) return;
  std::string text;
  for (const auto& problem : after.problems) {
    text += concat(text.empty() ? "" : "; ", problem.reason, ": ", problem.message);
  }
  if (text.empty())
    text = after.health == "ok" ? "healthy again" : concat("health is ", after.health);
  const bool is_bad = after.health == "warning" || after.health == "critical";
  tell(after.name, now_ms, "health", is_bad ? after.health : "info", std::move(text));
}

std::string WebBoard::refresh(std::int64_t now_ms) {
  JsonWriter json;
  json.begin_object();
  json.member("now_ms", now_ms);
  json.key("nodes");
  json.begin_array();
  std::unique_lock lock(mutex_);
  for (auto& [name, entry] : entries_) note_time(name, entry, now_ms);
  const auto changed = std::exchange(changed_, {});
  const auto gone = std::exchange(gone_, {});
  std::size_t count = gone.size();
  lock.unlock();
  for (const auto& name : changed) {
    WebSummary summary;
    summary.name = name;
    const bool has_readings = view_.visit(
        name, [&](const NodeReadings& readings) { summary = summarise_node(readings); });
    const std::lock_guard again(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    entry.changed = false;
    complete(entry, now_ms, summary);
    JsonWriter one;
    write_summary(one, summary);
    // What it was like when this relay learned of it is no event.
    if (has_readings && std::exchange(entry.had_readings, has_readings)) {
      compare(*entry.summary, summary, now_ms);
    }
    entry.summary = std::move(summary);
    if (one.text() == entry.json) continue;
    entry.json = one.text();
    json.raw_value(entry.json);
    ++count;
  }
  json.end_array();
  json.key("gone");
  json.begin_array();
  for (const auto& name : gone) json.value(name);
  json.end_array();
  json.end_object();
  return count > 0 ? json.text() : std::string();
}

void WebBoard::write_nodes(JsonWriter& json) const {
  const std::lock_guard lock(mutex_);
  json.begin_array();
  for (const auto& [name, entry] : entries_) {
    if (!entry.json.empty()) json.raw_value(entry.json);
  }
  json.end_array();
}

std::optional<WebBoard::Known> WebBoard::find(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(node);
  if (found == entries_.end() || !found->second.summary) return std::nullopt;
  return Known{*found->second.summary, found->second.lost, found->second.collectors};
}

}  // namespace godwit
