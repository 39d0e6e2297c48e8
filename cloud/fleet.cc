#include "cloud/fleet.h"

#include <algorithm>

namespace godwit {

NodePresence* Fleet::find_or_add(std::string_view node) {
  if (const auto found = nodes_.find(node); found != nodes_.end()) return &found->second;
  if (nodes_.size() >= max_nodes_) return nullptr;
  return &nodes_[std::string(node)];
}

void Fleet::on_status(std::string_view node, const NodeStatus& status, std::int64_t heard_ms) {
  NodePresence* known = find_or_add(node);
  if (known == nullptr) return;
  const bool same_life = known->session == status.session && known->boot_id == status.boot_id;
  if (!status.online && known->online && !same_life) return;
  if (known->online != status.online || !same_life || known->since_ms == 0) {
    known->since_ms = status.wall_ms != 0 ? status.wall_ms : heard_ms;
  }
  if (status.online && status.since_ms != 0) known->since_ms = status.since_ms;
  known->online = status.online;
  known->boot_id = status.boot_id;
  known->session = status.session;
  if (!status.version.empty()) known->version = status.version;
  if (!status.online && status.wall_ms == 0) return;  // a will: written at the birth
  known->backlog_ticks = status.backlog_ticks;
  known->clock = status.clock;
  known->link = status.link;
  known->collectors = status.collectors;
}

void Fleet::forget(std::string_view node) {
  if (const auto found = nodes_.find(node); found != nodes_.end()) nodes_.erase(found);
}

void Fleet::on_frame(std::string_view node, std::int64_t now_wall_ms, bool history,
                     const std::map<std::string, std::uint64_t>& lost) {
  NodePresence* known = find_or_add(node);
  if (known == nullptr) return;
  known->last_frame_ms = now_wall_ms;
  known->catching_up = history;
  if (!lost.empty()) known->lost = lost;
}

void Fleet::on_stored(std::string_view node, std::int64_t newest_sample_ms) {
  NodePresence* known = find_or_add(node);
  if (known == nullptr) return;
  known->last_sample_ms = std::max(known->last_sample_ms, newest_sample_ms);
}

}  // namespace godwit
