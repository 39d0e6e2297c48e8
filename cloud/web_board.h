// WebBoard: every node's Summary (WEB.md), kept up to date for all pages at once: what changed is
// made anew once a second, whoever looks. Tells WebEvents what happened. Bounded by its nodes. The
// relay's owner thread feeds it, one thread refreshes it, any thread reads.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/fleet.h"
#include "cloud/latest_view.h"
#include "cloud/web_backlog.h"
#include "cloud/web_events.h"
#include "cloud/web_summary.h"
#include "transport/frame.h"
#include "transport/schema.h"

namespace godwit {

class WebBoard {
 public:
  // Both outlive it. `view` has learned of a frame before on_live().
  WebBoard(const LatestView& view, WebEvents& events, std::size_t max_nodes = 10'000)
      : view_(view), events_(events), max_nodes_(max_nodes) {}

  // For Relay::PresenceObserver.
  void on_presence(std::string_view node, const NodePresence* presence, bool retained,
                   std::int64_t now_ms);
  void on_live(std::string_view node, const Schema& schema, const Frame& frame,
               std::int64_t now_ms);
  void on_history(std::string_view node, const Frame& frame, std::int64_t now_ms);

  // The data of the event `fleet`; "" when nothing changed.
  std::string refresh(std::int64_t now_ms);

  // Array of all Summaries as of the last refresh, by name.
  void write_nodes(JsonWriter& json) const;
  struct Known {
    WebSummary summary;
    std::map<std::string, std::uint64_t> lost;  // ticks by reason
    std::vector<CollectorTrouble> collectors;
  };
  [[nodiscard]] std::optional<Known> find(std::string_view node) const;

 private:
  struct Entry {
    bool changed = false;  // it is in changed_
    bool has_status = false;
    bool online = false;
    std::optional<std::int64_t> since_ms, heard_ms;
    std::string version;
    std::string clock;  // of the status
    std::vector<CollectorTrouble> collectors;
    BacklogWatch backlog;
    bool told_catching_up = false;
    std::optional<std::uint64_t> stream;
    std::map<std::string, std::uint64_t> lost;
    std::optional<WebSummary> summary;
    bool had_readings = false;  // when the summary was made
    std::string json;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // nullptr: there is no room.
  Entry* find_or_add(std::string_view node);
  void mark(std::string_view node, Entry& entry);
  void note_losses(std::string_view node, Entry& entry, const Frame& frame, std::int64_t now_ms);
  void note_time(const std::string& node, Entry& entry, std::int64_t now_ms);
  void complete(const Entry& entry, std::int64_t now_ms, WebSummary& summary) const;
  void compare(const WebSummary& before, const WebSummary& after, std::int64_t now_ms);
  void tell(std::string_view node, std::int64_t now_ms, std::string_view kind,
            std::string_view severity, std::string text);

  const LatestView& view_;
  WebEvents& events_;
  const std::size_t max_nodes_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  Entries entries_;
  std::vector<std::string> changed_, gone_;
};

}  // namespace godwit
