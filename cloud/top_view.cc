#include "cloud/top_view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "transport/clock.h"
#include "transport/human.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Health = NodeSummary::Health;
constexpr std::array<std::string_view, 7> sort_names = {"name",  "health",  "use", "temperature",
                                                        "power", "backlog", "last"};

// The last character, however many bytes it has.
void drop_last(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

// Larger comes first; ties by name.
double weight(const NodeSummary& one, std::size_t sort) {
  switch (sort) {
    case 1:
      return one.online ? static_cast<double>(one.health) : 10;
    case 2:
      return one.utilization.value_or(-1);
    case 3:
      return one.celsius.value_or(-1000);
    case 4:
      return one.watts.value_or(-1);
    case 5:
      return static_cast<double>(one.backlog.ticks);
    case 6:
      return -static_cast<double>(one.last_reading_ms);
    default:
      return 0;
  }
}

bool matches(const NodeSummary& node, std::string_view search) {
  if (search.empty()) return true;
  const std::string wanted = to_lower(search);
  const auto has = [&](std::string_view text) {
    return to_lower(text).find(wanted) != std::string::npos;
  };
  return has(node.name) || has(node.kind) || has(health_name(node.health)) || has(node.clock) ||
         has(node.online ? "online" : "offline");
}

}  // namespace

TopView::Wish TopView::on_key(const Key& key, const TopScene& scene) {
  using Type = Key::Type;
  if (key.type == Type::interrupt) return Wish::quit;
  if (key.type == Type::suspend) return Wish::suspend;
  if (key.type == Type::redraw) return Wish::redraw;
  if (is_searching_) {
    edit_search(key);
    return Wish::none;
  }
  const char c = key.type == Type::text && key.text.size() == 1 ? key.text.front() : '\0';
  const bool is_back =
      key.type == Type::escape || key.type == Type::left || c == 'q' || key.type == Type::backspace;
  if (page_ == Page::help) {
    page_ = behind_help_;
  } else if (is_back && page_ == Page::node) {
    page_ = Page::fleet;
  } else if (c == 'q') {
    return Wish::quit;
  } else if (key.type == Type::escape) {
    search_.clear();
  } else if (c == '?') {
    behind_help_ = page_;
    page_ = Page::help;
  } else if (c == '/') {
    is_searching_ = true;
  } else if (c == 's' && page_ == Page::fleet) {
    sort_ = static_cast<Sort>((static_cast<std::size_t>(sort_) + 1) % sort_names.size());
    is_chosen_ = false;  // what is first now is what is looked for
  } else if (key.type == Type::enter && page_ == Page::fleet && !rows(scene).empty()) {
    page_ = Page::node;
    is_chosen_ = true;
    line_ = 0;
  } else if (key.type == Type::up || c == 'k') {
    move(-1);
  } else if (key.type == Type::down || c == 'j') {
    move(1);
  } else if (key.type == Type::page_up) {
    move(-static_cast<std::int64_t>(page_rows_));
  } else if (key.type == Type::page_down) {
    move(static_cast<std::int64_t>(page_rows_));
  } else if (key.type == Type::home || c == 'g') {
    move(INT32_MIN);
  } else if (key.type == Type::end || c == 'G') {
    move(INT32_MAX);
  }
  if (page_ == Page::fleet) {
    // Moves are over rows, what is selected is a node: it stays so when the order changes.
    const auto all = rows(scene);
    if (is_moved_ && !all.empty()) {
      row_ = std::min(row_, all.size() - 1);
      selected_ = all[row_]->name;
      is_chosen_ = true;
    }
  }
  is_moved_ = false;
  return Wish::none;
}

void TopView::edit_search(const Key& key) {
  constexpr std::size_t max_bytes = 100;
  std::string& text = page_ == Page::node ? filter_ : search_;
  if (key.type == Key::Type::enter) is_searching_ = false;
  if (key.type == Key::Type::backspace) drop_last(text);
  if (key.type == Key::Type::text && text.size() + key.text.size() <= max_bytes) text += key.text;
  if (key.type == Key::Type::escape) {
    text.clear();
    is_searching_ = false;
  }
  line_ = 0;
}

void TopView::move(std::int64_t by) {
  std::size_t& at = page_ == Page::node ? line_ : row_;
  const auto now = static_cast<std::int64_t>(at);
  at = static_cast<std::size_t>(std::clamp<std::int64_t>(now + by, 0, INT32_MAX));
  is_moved_ = true;
}

TopView::Rows TopView::rows(const TopScene& scene) const {
  Rows out;
  for (const auto& [name, node] : scene.nodes) {
    if (matches(node, search_)) out.push_back(&node);
  }
  if (sort_ == Sort::name) return out;
  const auto sort = static_cast<std::size_t>(sort_);
  std::stable_sort(out.begin(), out.end(), [&](const NodeSummary* a, const NodeSummary* b) {
    return weight(*a, sort) > weight(*b, sort);
  });
  return out;
}

std::vector<std::string> TopView::render(const TopScene& scene, Terminal::Size size) {
  std::vector<std::string> lines = {head(scene, size.columns)};
  const Terminal::Size room{size.columns, size.rows > 2 ? size.rows - 2 : 0};
  auto body = page_ == Page::help   ? help_body()
              : page_ == Page::node ? node_body(scene, room)
                                    : fleet_body(scene, room);
  body.resize(room.rows);
  for (auto& line : body) {
    lines.push_back(page_ == Page::help ? fit(line, size.columns) : std::move(line));
  }
  lines.push_back(foot(size.columns));
  lines.resize(std::min(lines.size(), size.rows));
  return lines;
}

std::string TopView::head(const TopScene& scene, std::size_t width) const {
  if (!scene.connected) {
    const std::string why = scene.reason.empty() ? std::string("connecting") : scene.reason;
    return paint(fit(concat("no broker at ", scene.broker, ": ", why), width), Color::red, color_);
  }
  std::size_t online = 0, critical = 0, warning = 0, catching_up = 0;
  for (const auto& [name, node] : scene.nodes) {
    if (!node.online) continue;
    ++online;
    if (node.health == Health::critical) ++critical;
    if (node.health == Health::warning) ++warning;
    if (node.backlog.catching_up) ++catching_up;
  }
  std::string text =
      concat("godwit top  ", scene.broker, "  ", scene.nodes.size(), " nodes, ", online, " online");
  const auto add = [&](std::size_t count, std::string_view what) {
    if (count > 0) text += concat(", ", count, " ", what);
  };
  add(critical, "critical");
  add(warning, "with a warning");
  add(catching_up, "catching up");
  const std::string time = format_utc(scene.now_wall_ms).substr(11, 8) + "Z";
  const std::size_t left = width > time.size() + 1 ? width - time.size() - 1 : 0;
  return paint(fit(concat(fit(text, left), " ", time), width), Color::bold, color_);
}

std::string TopView::foot(std::size_t width) const {
  if (is_searching_) {
    return paint(
        fit(concat("/", page_ == Page::node ? filter_ : search_, "_  (enter: keep, esc: none)"),
            width),
        Color::bold, color_);
  }
  std::string text;
  if (page_ == Page::help) text = "any key: back";
  if (page_ == Page::node) text = "up/down scroll  / filter  q back  ? help";
  if (page_ == Page::fleet) {
    text = concat("up/down select  enter open  / search  s sort: ",
                  sort_names[static_cast<std::size_t>(sort_)], "  ? help  q quit");
  }
  const std::string& wanted = page_ == Page::node ? filter_ : search_;
  if (!wanted.empty() && page_ != Page::help) text = concat("[", wanted, "]  ", text);
  return paint(fit(text, width), Color::dim, color_);
}

std::vector<std::string> TopView::help_body() {
  return {"",
          "up, down, j, k        select a node; scroll a node's readings",
          "page up, page down    a page further",
          "home, end, g, G       first, last",
          "enter                 open the node",
          "q, esc, left          back; q on the fleet: quit",
          "/                     search nodes by name, kind, state, health; filter readings",
          "s                     sort by name, health, use, temperature, power, backlog, last",
          "?                     this",
          "Ctrl-C                quit",
          "",
          "STATE    up or down, since when       USE   the accelerators, or the CPU",
          "HEALTH   ok, unknown, warning, critical  MEM   the accelerators, or the host",
          "BACKLOG  how old the oldest reading is that waits; ~2m left while it is sent",
          "LAST     age of the newest reading    TODAY bytes over the link this UTC day"};
}

}  // namespace godwit
