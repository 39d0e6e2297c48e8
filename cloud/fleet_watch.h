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
#include "transport/link.h"

namespace godwit {

// How far a node has come with sending what it held back.
struct CatchUp {
  std::int64_t reached_ms = 0;  // time of the newest reading of its backlog that passed
  std::int64_t left_ms = -1;    // until the present is reached at this pace; -1: not known
};

class FleetWatch {
 public:
  FleetWatch();

  // `node` empty: all.
  static Status subscribe_presence(Link& link, std::string_view node);
  static Status subscribe_latest(Link& link, std::string_view node);
  static Status subscribe_frames(Link& link, std::string_view node);

  void on_message(const Message& message, std::int64_t now_wall_ms);

  // Nodes that something was heard of since the last call.
  [[nodiscard]] std::set<std::string, std::less<>> take_changed() {
    return std::exchange(changed_, {});
  }
  [[nodiscard]] const Fleet::Nodes& nodes() const { return fleet_.nodes(); }
  [[nodiscard]] NodeSummary summary(std::string_view node) const;
  [[nodiscard]] CatchUp catch_up(std::string_view node, std::int64_t now_wall_ms) const;
  [[nodiscard]] const LatestView& readings() const { return view_; }
  [[nodiscard]] bool has_heard(std::string_view node) const;
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_ + feed_.unreadable(); }

 private:
  struct Stretch {  // of backlog that passed without a pause
    std::int64_t first_ms = 0, first_wall_ms = 0;
    std::int64_t last_ms = 0, last_wall_ms = 0;
  };
  void on_status(std::string_view node, const Message& message, std::int64_t now_wall_ms);
  void on_latest(std::string_view node, const Message& message, std::int64_t now_wall_ms);
  void on_frame(std::string_view node, const Schema& schema, const Frame& frame);

  FrameFeed feed_;
  Fleet fleet_;
  LatestView view_;
  std::map<std::string, Stretch, std::less<>> backlogs_;  // of nodes of the fleet
  std::set<std::string, std::less<>> changed_;
  std::int64_t now_wall_ms_ = 0;  // of the message that is looked at
  std::uint64_t unreadable_ = 0;
};

}  // namespace godwit
