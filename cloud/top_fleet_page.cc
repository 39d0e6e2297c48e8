#include <algorithm>
#include <array>
#include <cmath>

#include "cloud/top_view.h"
#include "transport/human.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Health = NodeSummary::Health;
constexpr double old_backlog_s = 60;
constexpr std::int64_t silent_ms = 90'000;

struct Cell {
  std::string text;
  Color color = Color::none;
};

std::string percent(const std::optional<double>& ratio) {
  return ratio && std::abs(*ratio) < 10 ? concat(std::lround(*ratio * 100), "%") : std::string("-");
}

std::string whole(const std::optional<double>& value, std::string_view unit) {
  return value && std::abs(*value) < 1e6 ? concat(std::lround(*value), unit) : std::string("-");
}

Cell state_cell(const NodeSummary& node, std::int64_t now_ms) {
  const std::string since =
      node.since_ms == 0 ? std::string() : human_duration(now_ms - node.since_ms);
  return {concat(node.online ? "up " : "down ", since), node.online ? Color::green : Color::red};
}

Cell health_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const Color color = node.health == Health::critical ? Color::red
                      : node.health == Health::ok     ? Color::green
                      : node.health == Health::none   ? Color::none
                                                      : Color::yellow;
  return {node.health == Health::none ? "-" : std::string(health_name(node.health)), color};
}

Cell use_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  return {percent(node.utilization)};
}

Cell memory_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const bool is_full = node.memory.value_or(0) > 0.95;
  return {percent(node.memory), is_full ? Color::yellow : Color::none};
}

Cell temperature_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  return {whole(node.celsius, "°C")};
}

Cell power_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const auto& watts = node.watts;
  return {watts && std::abs(*watts) < 1e6 ? human_value("hw_power_watts", *watts) : "-"};
}

Cell backlog_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const WebBacklog& backlog = node.backlog;
  const auto text = [](double seconds) {
    return human_duration(std::llround(std::clamp(seconds, 0.0, 1e12) * 1000));
  };
  if (backlog.catching_up && backlog.left_s) {
    return {concat("~", text(*backlog.left_s), " left"), Color::yellow};
  }
  const double age_s = backlog.age_s.value_or(0);
  if (age_s > old_backlog_s) return {concat(text(age_s), " old"), Color::yellow};
  return {"-"};
}

Cell last_cell(const NodeSummary& node, std::int64_t now_ms) {
  const std::int64_t last_ms = node.last_reading_ms;
  if (last_ms == 0) return {"-"};
  return {human_duration(now_ms - last_ms),
          now_ms - last_ms > silent_ms ? Color::yellow : Color::none};
}

Cell today_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const auto& bytes = node.day_bytes;
  return {bytes ? human_bytes(*bytes) : "-", node.link.empty() ? Color::none : Color::yellow};
}

Cell clock_cell(const NodeSummary& node, std::int64_t /*now_ms*/) {
  const std::string& clock = node.clock;
  const bool is_bad = clock == "unknown" || clock == "disputed";
  return {clock.empty() ? "-" : printable(clock), is_bad ? Color::yellow : Color::none};
}

struct Column {
  std::string_view title;
  std::size_t width;
  int rank;  // the lowest are shown where there is room for few
  Align align;
  Cell (*cell)(const NodeSummary& node, std::int64_t now_ms);
};
constexpr std::array columns = {
    Column{"STATE", 11, 0, Align::left, state_cell},
    Column{"HEALTH", 8, 1, Align::left, health_cell},
    Column{"USE", 4, 2, Align::right, use_cell},
    Column{"MEM", 4, 6, Align::right, memory_cell},
    Column{"TEMP", 5, 3, Align::right, temperature_cell},
    Column{"POWER", 7, 7, Align::right, power_cell},
    Column{"BACKLOG", 10, 4, Align::left, backlog_cell},
    Column{"LAST", 5, 5, Align::right, last_cell},
    Column{"TODAY", 9, 8, Align::right, today_cell},
    Column{"CLOCK", 12, 9, Align::left, clock_cell},
};

struct Layout {
  std::size_t name = 0, kind = 0;
  std::vector<const Column*> shown;
};

Layout lay_out(std::size_t width, std::size_t longest_name) {
  constexpr std::size_t least_name = 12, least_kind = 9, most_name = 40;
  Layout out;
  std::size_t left = width - std::min(width, least_name + least_kind + 1);
  int shown = 0;
  for (int rank = 0; rank < static_cast<int>(columns.size()); ++rank) {
    const auto next = std::find_if(columns.begin(), columns.end(),
                                   [&](const Column& one) { return one.rank == rank; });
    if (next->width + 1 > left) break;
    left -= next->width + 1;
    shown = rank + 1;
  }
  for (const auto& column : columns) {
    if (column.rank < shown) out.shown.push_back(&column);
  }
  // What is over goes to names until they are whole, then to kinds.
  const std::size_t more =
      std::min(left, std::min(most_name, std::max(longest_name, least_name)) - least_name);
  out.name = std::min(width, least_name + more);
  if (width > out.name + 1) out.kind = std::min(least_kind + left - more, width - out.name - 1);
  return out;
}

std::string names_of(std::string_view name, std::string_view kind, const Layout& layout) {
  std::string text = fit(name, layout.name);
  if (layout.kind > 0) text += concat(" ", fit(kind, layout.kind));
  return text;
}

}  // namespace

std::vector<std::string> TopView::fleet_body(const TopScene& scene, Terminal::Size size) {
  const Rows all = rows(scene);
  page_rows_ = std::max<std::size_t>(1, size.rows - std::min<std::size_t>(size.rows, 1));
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const NodeSummary* node) { return node->name == selected_; });
  if (is_chosen_ && found != all.end()) {
    row_ = static_cast<std::size_t>(found - all.begin());
  } else {
    row_ = is_chosen_ ? std::min(row_, all.size() - std::min<std::size_t>(all.size(), 1)) : 0;
    selected_ = all.empty() ? std::string() : all[row_]->name;
  }
  first_ = std::min(first_, row_);
  if (row_ >= first_ + page_rows_) first_ = row_ - page_rows_ + 1;
  if (first_ + page_rows_ > all.size()) first_ = all.size() - std::min(all.size(), page_rows_);

  std::size_t longest = 0;
  for (const auto* node : all) longest = std::max(longest, node->name.size());
  const Layout layout = lay_out(size.columns, longest);
  std::string header = names_of("NODE", "KIND", layout);
  for (const auto* column : layout.shown) {
    header += concat(" ", fit(column->title, column->width, column->align));
  }
  std::vector<std::string> lines = {paint(fit(header, size.columns), Color::dim, color_)};
  if (all.empty()) {
    lines.emplace_back();
    const std::string_view why = scene.nodes.empty() ? "no node has been at this broker yet"
                                                     : "no node matches; esc shows all";
    lines.push_back(fit(why, size.columns));
  }
  for (std::size_t i = first_; i < std::min(all.size(), first_ + page_rows_); ++i) {
    const NodeSummary& node = *all[i];
    const bool is_selected = i == row_;
    const std::string kind = printable(node.kind.empty() ? "-" : node.kind);
    std::string line = names_of(printable(node.name), kind, layout);
    for (const auto* column : layout.shown) {
      const Cell cell = column->cell(node, scene.now_wall_ms);
      const std::string text = fit(cell.text, column->width, column->align);
      line += concat(" ", paint(text, is_selected ? Color::none : cell.color, color_));
    }
    // Reversed with and without colour: it is no colour.
    lines.push_back(is_selected ? paint(line, Color::inverse, true) : line);
  }
  return lines;
}

}  // namespace godwit
