#include "cloud/ingest.h"

#include <algorithm>

#include "transport/frame_merge.h"

namespace godwit {
namespace {

// Appends the time of the column's last sample; returns how many samples it has.
std::uint64_t note_newest(const Frame& frame, std::size_t column, std::vector<std::int64_t>& out) {
  std::uint64_t samples = 0;
  std::int64_t newest_ms = INT64_MIN;
  for (std::size_t t = 0; t < frame.columns[column].size(); ++t) {
    if (is_absent(frame.columns[column][t])) continue;
    newest_ms = frame.times_ms[t];
    ++samples;
  }
  out.push_back(newest_ms);
  return samples;
}

}  // namespace

Status Ingest::add_schema(std::string_view node, SchemaId id, std::string_view message) {
  if (message.empty()) {
    schemas_.forget(node, id);
    return {};
  }
  return schemas_.add(node, id, message);
}

Ingest::Answer Ingest::add_frame(std::string_view node, std::string_view payload,
                                 std::int64_t now_wall_ms) {
  if (Status decoded = decode_frame(payload, frame_); !decoded)
    return Unanswerable{decoded.error()};

  Ack ack;
  ack.stream = frame_.stream;
  ack.seq = frame_.last_seq();
  const std::uint64_t first_seq = frame_.first_seq();
  const std::uint64_t missing = dedup_.first_missing(node, frame_.stream, first_seq);
  if (missing > ack.seq) return ack;

  auto found = schemas_.find(node, frame_.schema);
  if (!found) {
    ack.verdict = Verdict::rejected;
    ack.reason = "bad_schema";
    return ack;
  }
  if (found->schema == nullptr) {
    ack.verdict = Verdict::need_schema;
    ack.schema = found->missing;
    return ack;
  }
  if (frame_.columns.size() > found->schema->series.size()) {
    ack.verdict = Verdict::rejected;
    ack.reason = "wider_than_schema";
    return ack;
  }
  if (missing > first_seq) trim_frame(frame_, missing);
  DropCounts dropped = drop_unwanted_ticks(frame_, now_wall_ms, options_.guards);
  if (on_live_ && !frame_.history && frame_.ticks() > 0) on_live_(node, *found->schema, frame_);
  if (on_history_ && frame_.history && frame_.ticks() > 0) {
    on_history_(node, *found->schema, frame_);
  }

  Arrival arrival = encode(node, *found->schema, std::move(dropped));
  arrival.node = node;
  arrival.stream = ack.stream;
  arrival.first_seq = first_seq;
  arrival.last_seq = ack.seq;
  arrival.lost = std::move(frame_.lost);
  return arrival;
}

Arrival Ingest::encode(std::string_view node, const Schema& schema, DropCounts dropped) {
  Arrival arrival;
  arrival.history = frame_.history;
  arrival.dropped = std::move(dropped);
  if (frame_.times_ms.empty()) return arrival;
  arrival.newest_ms = frame_.times_ms.back();
  arrival.schema = schema.id;
  const NodeSeries& known = labels_.find_or_encode(node, schema.id, schema.series);
  append_columns(known.formulas, known.width, frame_);
  for (const auto column : known.unwanted) {
    if (column < frame_.columns.size()) frame_.columns[column].clear();
  }
  if (in_order_) {
    const std::uint64_t late = drop_late_samples(frame_, known.newest_ms);
    if (late > 0) arrival.dropped["out_of_order"] += late;
  }
  for (std::size_t c = 0; c < frame_.columns.size(); ++c) {
    const std::uint64_t samples = note_newest(frame_, c, arrival.newest_by_series);
    if (known.labels[c].empty() && samples > 0) arrival.dropped["same_series"] += samples;
  }
  const std::size_t width = std::max<std::size_t>(1, frame_.columns.size());
  const std::size_t ticks = std::max<std::size_t>(1, options_.max_samples_per_body / width);
  for (std::size_t begin = 0; begin < frame_.ticks(); begin += ticks) {
    std::string body;
    const std::size_t end = std::min(begin + ticks, frame_.ticks());
    arrival.samples += append_ticks(frame_, begin, end, known.labels, body);
    if (body.empty()) continue;
    arrival.bytes += body.size();
    arrival.bodies.push_back(std::move(body));
  }
  return arrival;
}

void Ingest::stored(const Arrival& arrival, bool whole) {
  dedup_.add(arrival.node, arrival.stream, arrival.first_seq, arrival.last_seq);
  NodeSeries* const known = labels_.find(arrival.node, arrival.schema);
  if (!whole || known == nullptr) return;
  for (std::size_t c = 0; c < arrival.newest_by_series.size(); ++c) {
    known->newest_ms[c] = std::max(known->newest_ms[c], arrival.newest_by_series[c]);
  }
}

}  // namespace godwit
