// FleetWatch: the fleet as the broker alone tells it, for `godwit nodes` and `godwit top`: presence
// from the retained status topics, readings from the retained `latest` topics and from frames. It
// only listens. Bounded as its parts are. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/fleet.h"
#include "cloud/frame_feed.h"
#include "cloud/latest_view.h"
#include "cloud/node_summary.h"
#include "cloud/web_backlog.h"
#include "transport/link.h"

namespace godwit {

class FleetWatch {
 public:
  FleetWatch();

  // `node` empty: all.
  static Status subscribe_presence(Link& link, std::string_view node);
  static Status subscribe_latest(Link& link, std::string_view node);
  static Status subscribe_frames(Link& link, std::string_view node);

  void on_message(const Message& message, std::int64_t now_wall_ms);
  // See FrameFeed.
  void ask_again(Link& link) { feed_.ask_again(link); }

  // Nodes that something was heard of since the last call.
  [[nodiscard]] std::set<std::string, std::less<>> take_changed() {
    return std::exchange(changed_, {});
  }
  [[nodiscard]] const Fleet::Nodes& nodes() const { return fleet_.nodes(); }
  [[nodiscard]] NodeSummary summary(std::string_view node, std::int64_t now_wall_ms) const;
  [[nodiscard]] WebBacklog backlog(std::string_view node, std::int64_t now_wall_ms) const;
  [[nodiscard]] const LatestView& readings() const { return view_; }
  [[nodiscard]] bool has_heard(std::string_view node) const;
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_ + feed_.unreadable(); }

 private:
  void on_status(std::string_view node, const Message& message, std::int64_t now_wall_ms);
  void on_latest(std::string_view node, const Message& message, std::int64_t now_wall_ms);
  void on_frame(std::string_view node, const Schema& schema, const Frame& frame);
  // What the readings of the present say of the backlog.
  void note_live(std::string_view node, const BacklogWatch::Piece& piece);

  FrameFeed feed_;
  Fleet fleet_;
  LatestView view_;
  std::map<std::string, BacklogWatch, std::less<>> backlogs_;  // of nodes of the fleet
  std::set<std::string, std::less<>> changed_;
  std::int64_t now_wall_ms_ = 0;  // of the message that is looked at
  std::uint64_t unreadable_ = 0;
};

}  // namespace godwit
