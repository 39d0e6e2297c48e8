#include "cloud/fleet_watch.h"

#include <utility>

#include "transport/catalog.h"
#include "transport/exposition_parser.h"
#include "transport/latest.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

// Collectors whose readings a summary is made of.
constexpr std::string_view summarised[] = {"cpu",        "health", "jtop",  "memory", "npu_smi",
                                           "nvidia_smi", "self",   "tegra", "uname"};

std::string prefix_of(std::string_view node) {
  return concat(topics::root, node.empty() ? "+" : node);
}

// One series of a `latest` message.
Status read_series(const std::string& text, double value, Schema& schema, Frame& frame) {
  ExpositionParser parser(ExpositionParser::Format::prometheus, [&](ExposedSample&& sample) {
    const MetricInfo* const info = find_metric(sample.series.name);
    if (info != nullptr) sample.series.kind = info->kind;
    if (!is_valid(sample.series)) return Status(Error{ErrorCode::invalid, "not a series"});
    schema.series.push_back(std::move(sample.series));
    frame.columns.push_back({value});
    return Status();
  });
  if (Status status = parser.feed(concat(text, " 0\n")); !status) return status;
  return parser.finish();
}

}  // namespace

FleetWatch::FleetWatch()
    : feed_([this](auto node, const auto& schema, const auto& frame) {
        on_frame(node, schema, frame);
      }) {}

// QoS 0: see FrameFeed::subscribe().
Status FleetWatch::subscribe_presence(Link& link, std::string_view node) {
  return link.subscribe(prefix_of(node) + "/status", Qos::at_most_once);
}

Status FleetWatch::subscribe_latest(Link& link, std::string_view node) {
  for (const auto collector : summarised) {
    Status status =
        link.subscribe(concat(prefix_of(node), "/latest/", collector), Qos::at_most_once);
    if (!status) return status;
  }
  return {};
}

Status FleetWatch::subscribe_frames(Link& link, std::string_view node) {
  return FrameFeed::subscribe(link, node);
}

void FleetWatch::on_message(const Message& message, std::int64_t now_wall_ms) {
  const auto topic = parse_topic(message.topic);
  if (!topic) return;
  now_wall_ms_ = now_wall_ms;
  if (topic->kind == TopicKind::status) {
    on_status(topic->node, message, now_wall_ms);
  } else if (topic->kind == TopicKind::latest) {
    on_latest(topic->node, message, now_wall_ms);
  } else {
    feed_.on_message(message);
  }
}

void FleetWatch::on_status(std::string_view node, const Message& message,
                           std::int64_t now_wall_ms) {
  if (message.payload.empty()) {
    fleet_.forget(node);
    if (const auto backlog = backlogs_.find(node); backlog != backlogs_.end()) {
      backlogs_.erase(backlog);
    }
    changed_.emplace(node);
    return;
  }
  const auto status = decode_status(message.payload);
  if (!status) {
    ++unreadable_;
    return;
  }
  fleet_.on_status(node, *status, message.retained ? 0 : now_wall_ms);
  const auto known = fleet_.nodes().find(node);
  if (known == fleet_.nodes().end()) return;  // there is no room for more
  view_.on_presence(node, known->second.online);
  BacklogWatch& backlog = backlogs_[std::string(node)];
  const bool is_will = !status->online && status->wall_ms == 0;
  if (!is_will && !backlog.episode()) backlog.on_told(status->backlog_ticks, std::nullopt);
  changed_.emplace(node);
}

void FleetWatch::on_latest(std::string_view node, const Message& message,
                           std::int64_t now_wall_ms) {
  if (message.payload.empty()) return;
  const auto latest = decode_latest(message.payload);
  if (!latest) {
    ++unreadable_;
    return;
  }
  Schema schema;
  schema.id = schema_id_of(message.payload);
  Frame frame;
  frame.times_ms = {latest->wall_ms};
  for (const auto& [series, value] : latest->values) {
    if (!read_series(series, value, schema, frame)) ++unreadable_;
  }
  view_.on_live(node, schema, frame, now_wall_ms);
  note_live(node, {});
  changed_.emplace(node);
}

void FleetWatch::on_frame(std::string_view node, const Schema& schema, const Frame& frame) {
  fleet_.on_frame(node, now_wall_ms_, frame.history, frame.lost);
  changed_.emplace(node);
  const BacklogWatch::Piece piece{frame.times_ms.front(), frame.times_ms.back(), frame.ticks(),
                                  frame.samples()};
  if (!frame.history) {
    view_.on_live(node, schema, frame, now_wall_ms_);
    note_live(node, piece);
  } else if (const auto backlog = backlogs_.find(node); backlog != backlogs_.end()) {
    backlog->second.on_history(piece, now_wall_ms_);
  }
}

void FleetWatch::note_live(std::string_view node, const BacklogWatch::Piece& piece) {
  const auto backlog = backlogs_.find(node);
  if (backlog == backlogs_.end()) return;
  std::optional<std::uint64_t> ticks;
  std::optional<double> age_s;
  view_.visit(node, [&](const NodeReadings& readings) {
    for (const auto& reading : readings.readings) {
      if (reading.time_ms == INT64_MIN) continue;
      const std::string_view name = reading.series->name;
      const bool is_count = reading.value >= 0 && reading.value < 1e15;
      if (name == "godwit_buffer_ticks" && is_count) {
        ticks = static_cast<std::uint64_t>(reading.value);
      }
      if (name == "godwit_buffer_oldest_age_seconds") age_s = reading.value;
    }
  });
  if (ticks) backlog->second.on_live(piece, ticks, age_s);
}

NodeSummary FleetWatch::summary(std::string_view node, std::int64_t now_wall_ms) const {
  const auto presence = fleet_.nodes().find(node);
  if (presence == fleet_.nodes().end()) return {};
  NodeSummary out;
  const bool has_readings = view_.visit(node, [&](const NodeReadings& readings) {
    out = summarize(node, presence->second, &readings);
  });
  if (!has_readings) out = summarize(node, presence->second, nullptr);
  out.backlog = backlog(node, now_wall_ms);
  return out;
}

bool FleetWatch::has_heard(std::string_view node) const {
  const auto presence = fleet_.nodes().find(node);
  if (presence != fleet_.nodes().end() && presence->second.last_frame_ms != 0) return true;
  bool heard = false;
  view_.visit(node, [&](const NodeReadings& readings) { heard = !readings.readings.empty(); });
  return heard;
}

WebBacklog FleetWatch::backlog(std::string_view node, std::int64_t now_wall_ms) const {
  const auto found = backlogs_.find(node);
  return found == backlogs_.end() ? WebBacklog() : found->second.describe(now_wall_ms);
}

}  // namespace godwit
