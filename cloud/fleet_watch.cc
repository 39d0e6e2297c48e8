#include "cloud/fleet_watch.h"

#include <utility>

#include "transport/catalog.h"
#include "transport/exposition_parser.h"
#include "transport/latest.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

// Backlog comes in frames one after the other; this long without one, the next begins anew.
constexpr std::int64_t pause_ms = 60'000;
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
  view_.on_presence(node, known != fleet_.nodes().end() && known->second.online);
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
  changed_.emplace(node);
}

void FleetWatch::on_frame(std::string_view node, const Schema& schema, const Frame& frame) {
  fleet_.on_frame(node, now_wall_ms_, frame.history, frame.lost);
  changed_.emplace(node);
  if (!frame.history) return view_.on_live(node, schema, frame, now_wall_ms_);
  if (!fleet_.nodes().contains(node)) return;
  Stretch& stretch = backlogs_[std::string(node)];
  if (now_wall_ms_ - stretch.last_wall_ms > pause_ms || frame.times_ms.back() < stretch.last_ms) {
    stretch = {frame.times_ms.front(), now_wall_ms_, 0, 0};
  }
  stretch.last_ms = frame.times_ms.back();
  stretch.last_wall_ms = now_wall_ms_;
}

NodeSummary FleetWatch::summary(std::string_view node) const {
  const auto presence = fleet_.nodes().find(node);
  if (presence == fleet_.nodes().end()) return {};
  NodeSummary out;
  const bool has_readings = view_.visit(node, [&](const NodeReadings& readings) {
    out = summarize(node, presence->second, &readings);
  });
  return has_readings ? out : summarize(node, presence->second, nullptr);
}

bool FleetWatch::has_heard(std::string_view node) const {
  const auto presence = fleet_.nodes().find(node);
  if (presence != fleet_.nodes().end() && presence->second.last_frame_ms != 0) return true;
  bool heard = false;
  view_.visit(node, [&](const NodeReadings& readings) { heard = !readings.readings.empty(); });
  return heard;
}

CatchUp FleetWatch::catch_up(std::string_view node, std::int64_t now_wall_ms) const {
  const auto found = backlogs_.find(node);
  if (found == backlogs_.end() || now_wall_ms - found->second.last_wall_ms > pause_ms) return {};
  const Stretch& stretch = found->second;
  CatchUp out{stretch.last_ms, -1};
  // Node time gained per time that passed, beyond the second per second that it needs to stay.
  const auto took = static_cast<double>(now_wall_ms - stretch.first_wall_ms);
  const auto gained = static_cast<double>(stretch.last_ms - stretch.first_ms) - took;
  const auto behind = static_cast<double>(now_wall_ms - stretch.last_ms);
  if (took >= 2000 && gained > 0 && behind > 0 && behind * took / gained < 1e12) {
    out.left_ms = static_cast<std::int64_t>(behind * took / gained);
  }
  return out;
}

}  // namespace godwit
