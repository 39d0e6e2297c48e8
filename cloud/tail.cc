#include "cloud/tail.h"

#include <utility>

#include <fnmatch.h>

#include "cloud/decode.h"
#include "transport/clock.h"
#include "transport/json_writer.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::size_t max_waiting = 256;

}  // namespace

Status Tail::subscribe(Link& link) const {
  const std::string prefix = concat(topics::root, options_.node.empty() ? "+" : options_.node);
  if (Status status = link.subscribe(prefix + "/schema/+", Qos::at_least_once); !status) {
    return status;
  }
  return link.subscribe(prefix + "/up", Qos::at_most_once);
}

std::string Tail::on_message(const Message& message) {
  std::string out;
  const auto topic = parse_topic(message.topic);
  if (!topic) return out;
  if (topic->kind == TopicKind::up) {
    if (print(topic->node, message.payload, out)) return out;
    waiting_.push_back({std::string(topic->node), message.payload});
    if (waiting_.size() > max_waiting) {
      waiting_.pop_front();
      ++unreadable_;
    }
  } else if (topic->kind == TopicKind::schema && !message.payload.empty()) {
    const auto id = parse_schema_id(topic->rest);
    if (!id || !schemas_.add(topic->node, *id, message.payload)) {
      ++unreadable_;
      return out;
    }
    for (auto& one : std::exchange(waiting_, {})) {
      if (!print(one.node, one.payload, out)) waiting_.push_back(std::move(one));
    }
  }
  return out;
}

bool Tail::print(std::string_view node, std::string_view payload, std::string& out) {
  if (!decode_frame(payload, frame_)) {
    ++unreadable_;
    return true;
  }
  if (frame_.columns.empty()) return true;  // a question for the time
  const auto found = schemas_.find(node, frame_.schema);
  if (found.ok() && found->schema == nullptr) return false;
  if (!found || found->schema->series.size() < frame_.columns.size()) {
    ++unreadable_;
    return true;
  }
  print_losses(node, out);
  print_frame(node, *found->schema, out);
  return true;
}

void Tail::print_losses(std::string_view node, std::string& out) const {
  if (frame_.lost.empty()) return;
  const std::int64_t time_ms = frame_.times_ms.front();
  if (!options_.json) {
    out += concat(format_utc(time_ms), " ", node, " lost so far, in ticks:");
    for (const auto& [reason, ticks] : frame_.lost) out += concat(" ", reason, "=", ticks);
    out += "\n";
    return;
  }
  JsonWriter json;
  json.begin_object();
  json.member("time_ms", time_ms);
  json.member("node", node);
  json.key("lost");
  json.begin_object();
  for (const auto& [reason, ticks] : frame_.lost) json.member(reason, ticks);
  json.end_object();
  json.end_object();
  out += json.text() + "\n";
}

void Tail::print_frame(std::string_view node, const Schema& schema, std::string& out) const {
  for (std::size_t t = 0; t < frame_.ticks(); ++t) {
    for (std::size_t i = 0; i < frame_.columns.size(); ++i) {
      const Series& series = schema.series[i];
      const double value = frame_.columns[i][t];
      if (is_absent(value)) continue;
      if (!options_.metric.empty() &&
          fnmatch(options_.metric.c_str(), series.name.c_str(), 0) != 0) {
        continue;
      }
      print_line(node, series, frame_.times_ms[t], value, out);
    }
  }
}

void Tail::print_line(std::string_view node, const Series& series, std::int64_t time_ms,
                      double value, std::string& out) const {
  if (!options_.json) {
    out += concat(format_utc(time_ms), " ", node, " ", format_series(series), " ", value,
                  frame_.history ? " history" : "");
    if (frame_.keep_every > 1) out += concat(" thinned=1/", frame_.keep_every);
    out += "\n";
    return;
  }
  JsonWriter json;
  json.begin_object();
  json.member("time_ms", time_ms);
  json.member("node", node);
  json.member("name", series.name);
  json.key("labels");
  json.begin_object();
  for (const auto& label : series.labels) json.member(label.name, label.value);
  json.end_object();
  json.key("value");
  write_value(json, value);
  if (frame_.history) json.member("history", true);
  if (frame_.keep_every > 1) json.member("keep_every", frame_.keep_every);
  json.end_object();
  out += json.text() + "\n";
}

}  // namespace godwit
