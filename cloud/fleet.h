// Fleet: what the relay knows about the presence of nodes, from their retained birth and death
// messages and from their frames. Bounded. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "transport/latest.h"

namespace godwit {

struct NodePresence {
  bool online = false;
  std::string boot_id;
  std::uint64_t session = 0;
  std::string version;
  std::string clock, link;  // as the last status told
  // Since when it is online or not: as the status says, else the time in it, else when it came. A
  // birth that is told again in the same life, without saying, changes nothing. 0: a death that
  // nobody was there to hear.
  std::int64_t since_ms = 0;
  std::uint64_t backlog_ticks = 0;           // as of the last status
  std::int64_t last_frame_ms = 0;            // the relay's wall clock; 0 for none yet
  std::int64_t last_sample_ms = 0;           // newest time in the database by this relay
  bool catching_up = false;                  // the last frame was history
  std::vector<CollectorTrouble> collectors;  // that read nothing, as of the last status
  // Ticks that will never come, by reason, as the node declared last for its present stream.
  std::map<std::string, std::uint64_t> lost;
};

class Fleet {
 public:
  explicit Fleet(std::size_t max_nodes = 10'000) : max_nodes_(max_nodes) {}

  // A death of another session than the one that was born last is late and changes nothing.
  // `heard_ms`: the wall clock when it came; 0: not known, it was retained.
  void on_status(std::string_view node, const NodeStatus& status, std::int64_t heard_ms = 0);
  // The status topic was cleared: the node is no more.
  void forget(std::string_view node);
  // `lost` replaces what was known, so that it stays as bounded as a frame; empty: nothing new.
  void on_frame(std::string_view node, std::int64_t now_wall_ms, bool history,
                const std::map<std::string, std::uint64_t>& lost = {});
  void on_stored(std::string_view node, std::int64_t newest_sample_ms);

  using Nodes = std::map<std::string, NodePresence, std::less<>>;
  [[nodiscard]] const Nodes& nodes() const { return nodes_; }

 private:
  // nullptr when there is no room.
  NodePresence* find_or_add(std::string_view node);

  std::size_t max_nodes_;
  Nodes nodes_;
};

}  // namespace godwit
