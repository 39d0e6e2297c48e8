#include "cloud/nodes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "transport/human.h"
#include "transport/json_writer.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Health = NodeSummary::Health;

struct Cell {
  std::string text;
  Color color = Color::none;
};
constexpr std::array<std::string_view, 10> header = {"NODE",    "KIND",  "STATE", "SINCE", "HEALTH",
                                                     "BACKLOG", "CLOCK", "LINK",  "LAST",  "TODAY"};
using Row = std::array<Cell, header.size()>;

std::string ago(std::int64_t then_ms, std::int64_t now_ms) {
  return then_ms == 0 ? std::string("-") : human_duration(now_ms - then_ms);
}

Color health_color(const NodeSummary& node) {
  if (node.health == Health::critical) return Color::red;
  if (node.health == Health::ok) return Color::green;
  return node.health == Health::none ? Color::none : Color::yellow;
}

std::string or_dash(std::string_view text) {
  return text.empty() ? std::string("-") : printable(text);
}

std::string backlog_text(const WebBacklog& backlog) {
  if (backlog.ticks == 0) return "-";
  std::string text = std::to_string(backlog.ticks);
  if (backlog.age_s && std::abs(*backlog.age_s) < 1e12) {
    text += concat(" (", human_duration(std::llround(*backlog.age_s * 1000)), ")");
  }
  return text;
}

std::string today_text(const NodeSummary& node) {
  if (!node.day_bytes) return "-";
  const std::string cap = node.day_limit ? concat(" of ", human_bytes(*node.day_limit)) : "";
  return human_bytes(*node.day_bytes) + cap;
}

Row row_of(const NodeSummary& node, std::int64_t now_ms) {
  const bool is_clock_bad = node.clock == "unknown" || node.clock == "disputed";
  return {Cell{printable(node.name), Color::bold},
          {or_dash(node.kind)},
          {node.online ? "online" : "offline", node.online ? Color::green : Color::red},
          {ago(node.since_ms, now_ms)},
          {or_dash(health_name(node.health)), health_color(node)},
          {backlog_text(node.backlog), node.backlog.catching_up ? Color::yellow : Color::none},
          {or_dash(node.clock), is_clock_bad ? Color::yellow : Color::none},
          {!node.link.empty() ? printable(node.link)
           : node.online      ? "open"
                              : "-",
           node.link.empty() ? Color::none : Color::yellow},
          {ago(node.last_reading_ms, now_ms)},
          {today_text(node)}};
}

void write_times(const NodeSummary& node, std::int64_t now_ms, JsonWriter& json) {
  if (node.since_ms != 0) json.member("since_ms", node.since_ms);
  if (node.last_reading_ms != 0) {
    json.member("last_reading_ms", node.last_reading_ms);
    json.member("last_reading_age_ms", now_ms - node.last_reading_ms);
  }
}

void write_node(const NodeSummary& node, std::int64_t now_ms, JsonWriter& json) {
  const auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) json.member(name, value);
  };
  const auto number = [&](std::string_view name, const std::optional<double>& value) {
    if (value) json.member(name, *value);
  };
  json.begin_object();
  json.member("node", node.name);
  text("kind", node.kind);
  text("version", node.version);
  json.member("online", node.online);
  write_times(node, now_ms, json);
  text("health", health_name(node.health));
  json.key("problems");
  json.begin_array();
  for (const auto& problem : node.problems) json.value(problem);
  json.end_array();
  number("utilization_ratio", node.utilization);
  number("memory_ratio", node.memory);
  number("temperature_celsius", node.celsius);
  number("power_watts", node.watts);
  json.member("backlog_ticks", node.backlog.ticks);
  number("backlog_age_seconds", node.backlog.age_s);
  json.member("catching_up", node.backlog.catching_up);
  text("clock", node.clock);
  json.member("link", node.link.empty() ? std::string_view("open") : std::string_view(node.link));
  number("link_day_bytes", node.day_bytes);
  number("link_day_limit_bytes", node.day_limit);
  json.end_object();
}

}  // namespace

bool is_unwell(const NodeSummary& node) {
  return !node.online || node.health == Health::warning || node.health == Health::critical;
}

std::string nodes_table(std::span<const NodeSummary> nodes, std::int64_t now_wall_ms, bool color) {
  std::array<std::size_t, header.size()> widths{};
  std::vector<Row> rows;
  for (std::size_t c = 0; c < header.size(); ++c) widths[c] = header[c].size();
  for (const auto& node : nodes) {
    rows.push_back(row_of(node, now_wall_ms));
    for (std::size_t c = 0; c < header.size(); ++c) {
      widths[c] = std::max(widths[c], columns_of(rows.back()[c].text));
    }
  }
  std::string out;
  const auto add = [&](std::size_t c, std::string_view text, Color shade) {
    const bool is_last = c + 1 == header.size();
    out += paint(is_last ? text : fit(text, widths[c]), shade, color);
    out += is_last ? "\n" : "  ";
  };
  for (std::size_t c = 0; c < header.size(); ++c) add(c, header[c], Color::dim);
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < header.size(); ++c) add(c, row[c].text, row[c].color);
  }
  return out;
}

std::string nodes_json(std::span<const NodeSummary> nodes, std::int64_t now_wall_ms) {
  JsonWriter json(2);
  json.begin_array();
  for (const auto& node : nodes) write_node(node, now_wall_ms, json);
  json.end_array();
  return json.text() + "\n";
}

}  // namespace godwit
