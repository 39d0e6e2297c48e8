#include <algorithm>
#include <cmath>

#include "cloud/top_view.h"
#include "transport/clock.h"
#include "transport/human.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t old_ms = 60'000;

// "GPU or CPU  ███████░░░░░  58 %"
std::string bar_line(std::string_view title, const std::optional<double>& ratio, bool color) {
  constexpr std::size_t cells = 30;
  if (!ratio || !(*ratio >= 0)) return {};
  const double share = std::min(*ratio, 1.0);
  const auto full = static_cast<std::size_t>(std::lround(share * cells));
  std::string done, rest;
  for (std::size_t i = 0; i < cells; ++i) (i < full ? done : rest) += i < full ? "█" : "░";
  const Color shade = share > 0.9 ? Color::red : share > 0.7 ? Color::yellow : Color::green;
  return concat(fit(title, 13), paint(done, shade, color), paint(rest, Color::dim, color), " ",
                std::lround(std::min(*ratio, 99.0) * 100), " %");
}

std::string state_line(const NodeSummary& node, std::int64_t now_ms) {
  std::string text = node.online ? "online" : "offline";
  if (node.since_ms != 0) text += concat(" for ", human_duration(now_ms - node.since_ms));
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += concat(", ", name, " ", printable(value));
  };
  add("agent", node.version);
  add("clock", node.clock);
  add("link", node.link.empty() ? "open" : node.link);
  if (node.day_bytes) text += concat(", ", human_bytes(*node.day_bytes), " today");
  if (node.day_limit) text += concat(" of ", human_bytes(*node.day_limit));
  if (node.last_reading_ms != 0) {
    text += concat(", last reading ", human_duration(now_ms - node.last_reading_ms), " ago");
  }
  return text;
}

std::string backlog_line(const WebBacklog& backlog) {
  const auto duration = [](double seconds) {
    return human_duration(std::llround(std::clamp(seconds, 0.0, 1e12) * 1000));
  };
  std::string text = concat(backlog.ticks, " ticks wait");
  if (backlog.age_s) text += concat(", the oldest ", duration(*backlog.age_s), " old");
  if (!backlog.catching_up) return text;
  text += "; catching up";
  if (backlog.progress) text += concat(": ", std::lround(*backlog.progress * 100), " % are sent");
  if (backlog.left_s) text += concat(", about ", duration(*backlog.left_s), " left");
  return text;
}

int rank_of(std::string_view name) {
  return name.starts_with("hw_") ? 0 : name.starts_with("godwit_") ? 1 : 2;
}

}  // namespace

std::vector<std::string> TopView::reading_lines(const TopScene& scene, std::size_t width) const {
  struct Line {
    int rank;
    std::string series, value;
  };
  std::vector<Line> lines;
  const std::string wanted = to_lower(filter_);
  scene.fleet.readings().visit(selected_, [&](const NodeReadings& node) {
    for (const auto& reading : node.readings) {
      if (reading.time_ms == INT64_MIN) continue;
      std::string series = printable(format_series(*reading.series));
      if (!wanted.empty() && to_lower(series).find(wanted) == std::string::npos) continue;
      std::string value = human_value(reading.series->name, reading.value);
      if (reading.series->kind == Kind::counter && std::isfinite(reading.rate)) {
        value += concat("  ", human_value(reading.series->name, reading.rate), "/s");
      }
      const std::int64_t age_ms = scene.now_wall_ms - reading.time_ms;
      if (age_ms > old_ms) value += concat("  ", human_duration(age_ms), " old");
      lines.push_back({rank_of(reading.series->name), std::move(series), std::move(value)});
    }
  });
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.series < b.series;
  });
  std::size_t widest = 0;
  for (const auto& line : lines) widest = std::max(widest, columns_of(line.series));
  const std::size_t series_width = std::min(widest, width > 40 ? width - 24 : width / 2);
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (const auto& line : lines) {
    out.push_back(fit(concat(fit(line.series, series_width), "  ", line.value), width));
  }
  return out;
}

std::vector<std::string> TopView::node_body(const TopScene& scene, Terminal::Size size) {
  const auto found = scene.nodes.find(selected_);
  if (found == scene.nodes.end()) return {fit("this node is no more; q goes back", size.columns)};
  const NodeSummary& one = found->second;
  const auto plain = [&](std::string_view text) { return fit(text, size.columns); };
  const std::string kind = one.kind.empty() ? "" : concat(", ", printable(one.kind));
  std::vector<std::string> lines;
  lines.push_back(paint(plain(concat(printable(one.name), kind)), Color::bold, color_));
  lines.push_back(plain(state_line(one, scene.now_wall_ms)));
  lines.push_back(plain(backlog_line(one.backlog)));
  const auto presence = scene.fleet.nodes().find(selected_);
  if (presence != scene.fleet.nodes().end() && !presence->second.lost.empty()) {
    std::string text = "lost so far, in ticks:";
    for (const auto& [reason, ticks] : presence->second.lost)
      text += concat(" ", reason, "=", ticks);
    lines.push_back(paint(plain(text), Color::red, color_));
  }
  for (const auto& problem : one.problems) {
    lines.push_back(paint(plain(printable(problem)), Color::yellow, color_));
  }
  if (size.columns >= 55) {
    for (const auto& line : {bar_line("utilization", one.utilization, color_),
                             bar_line("memory", one.memory, color_)}) {
      if (!line.empty()) lines.push_back(line);
    }
  }
  const auto readings = reading_lines(scene, size.columns);
  const std::size_t above = std::min(lines.size() + 1, size.rows / 2 + 1);
  lines.resize(above - 1);
  page_rows_ = std::max<std::size_t>(1, size.rows - std::min(size.rows, above));
  line_ = std::min(line_, readings.size() - std::min(readings.size(), page_rows_));
  const std::string title = concat(
      readings.size(), " readings", filter_.empty() ? "" : concat(" with ", filter_), ", ",
      readings.empty() ? 0 : line_ + 1, " to ", std::min(readings.size(), line_ + page_rows_));
  lines.push_back(paint(plain(title), Color::dim, color_));
  for (std::size_t i = line_; i < std::min(readings.size(), line_ + page_rows_); ++i) {
    lines.push_back(readings[i]);
  }
  return lines;
}

}  // namespace godwit
