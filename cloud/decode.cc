#include "cloud/decode.h"

#include <cmath>

#include "transport/ack.h"
#include "transport/catalog.h"
#include "transport/clock.h"
#include "transport/latest.h"
#include "transport/schema_store.h"
#include "transport/text.h"

namespace godwit {
namespace {

void write_time(JsonWriter& json, std::string_view name, std::int64_t wall_ms) {
  json.member(name, format_utc(wall_ms));
  json.member(concat(name, "_ms"), wall_ms);
}

void write_series(JsonWriter& json, const Series& series) {
  json.begin_object();
  json.member("series", format_series(series));
  json.member("kind", kind_name(series.kind));
  json.end_object();
}

void write_schema(JsonWriter& json, const SchemaPart& part) {
  json.member("message", "schema");
  json.member("id", format_schema_id(part.id));
  if (part.parent) json.member("parent", format_schema_id(*part.parent));
  json.key("series");
  json.begin_array();
  for (const auto& series : part.added) write_series(json, series);
  json.end_array();
}

void write_tick(JsonWriter& json, const Frame& frame, std::size_t tick, const Schema* schema) {
  json.begin_object();
  json.member("seq", frame.seqs[tick]);
  write_time(json, "time", frame.times_ms[tick]);
  json.key("values");
  json.begin_object();
  for (std::size_t i = 0; i < frame.columns.size(); ++i) {
    const double value = frame.columns[i][tick];
    if (is_absent(value)) continue;
    json.key(schema != nullptr ? format_series(schema->series[i]) : std::to_string(i));
    write_value(json, value);
  }
  json.end_object();
  json.end_object();
}

void write_frame(JsonWriter& json, const Frame& frame, const Schema* schema) {
  json.member("message", "frame");
  json.member("stream", format_schema_id(frame.stream));
  json.member("schema", format_schema_id(frame.schema));
  json.member("schema_known", schema != nullptr);
  json.member("history", frame.history);
  if (frame.keep_every > 1) json.member("keep_every", frame.keep_every);
  if (!frame.lost.empty()) {
    json.key("lost");
    json.begin_object();
    for (const auto& [reason, ticks] : frame.lost) json.member(reason, ticks);
    json.end_object();
  }
  json.member("samples", frame.samples());
  json.key("ticks");
  json.begin_array();
  for (std::size_t t = 0; t < frame.ticks(); ++t) write_tick(json, frame, t, schema);
  json.end_array();
}

void write_ack(JsonWriter& json, const Ack& ack) {
  static constexpr std::string_view verdicts[] = {"stored", "rejected", "need_schema",
                                                  "retry_after"};
  json.member("message", "ack");
  json.member("stream", format_schema_id(ack.stream));
  json.member("seq", ack.seq);
  json.member("verdict", verdicts[static_cast<std::size_t>(ack.verdict)]);
  if (!ack.reason.empty()) json.member("reason", ack.reason);
  if (ack.verdict == Verdict::retry_after) json.member("retry_after_ms", ack.retry_after_ms);
  if (ack.schema) json.member("schema", format_schema_id(*ack.schema));
  if (ack.relay_time_ms != 0) write_time(json, "relay_time", ack.relay_time_ms);
  json.member("dropped_samples", ack.dropped_samples);
  json.member("out_of_order_ok", ack.out_of_order_ok);
}

void write_status(JsonWriter& json, const NodeStatus& status) {
  json.member("message", "status");
  json.member("online", status.online);
  json.member("boot_id", status.boot_id);
  json.member("session", format_schema_id(status.session));
  if (status.wall_ms != 0) write_time(json, "time", status.wall_ms);
  json.member("version", status.version);
  if (status.since_ms != 0) write_time(json, "since", status.since_ms);
  json.member("backlog_ticks", status.backlog_ticks);
  if (!status.clock.empty()) json.member("clock", status.clock);
  if (!status.link.empty()) json.member("link", status.link);
  if (status.collectors.empty()) return;
  json.key("collectors");
  json.begin_object();
  for (const auto& one : status.collectors) {
    json.member(one.name, concat(one.absent ? "absent: " : "failing: ", one.message));
  }
  json.end_object();
}

void write_relay_state(JsonWriter& json, const RelayState& state) {
  json.member("message", "relay_state");
  json.member("relay", state.relay);
  if (state.wall_ms != 0) write_time(json, "time", state.wall_ms);
  json.member("version", state.version);
  json.member("out_of_order_ok", state.out_of_order_ok);
}

void write_latest(JsonWriter& json, const Latest& latest) {
  json.member("message", "latest");
  write_time(json, "time", latest.wall_ms);
  json.key("values");
  json.begin_object();
  for (const auto& [series, value] : latest.values) {
    json.key(series);
    write_value(json, value);
  }
  json.end_object();
}

// nullptr when it is not among `schemas`, or narrower than the frame.
std::shared_ptr<const Schema> find_schema(const Frame& frame,
                                          std::span<const std::string> schemas) {
  SchemaStore store;
  for (const auto& schema : schemas) {
    // What is no schema is no help; the frame is then shown by column.
    static_cast<void>(store.add("", schema_id_of(schema), schema));
  }
  auto found = store.find("", frame.schema);
  if (!found || found->schema == nullptr || found->schema->series.size() < frame.columns.size()) {
    return nullptr;
  }
  return found->schema;
}

// false when it is none of ours.
bool write_message(JsonWriter& json, std::string_view message,
                   std::span<const std::string> schemas) {
  Frame frame;
  if (decode_frame(message, frame)) {
    write_frame(json, frame, find_schema(frame, schemas).get());
  } else if (const auto schema = decode_schema(message)) {
    write_schema(json, *schema);
  } else if (const auto ack = decode_ack(message)) {
    write_ack(json, *ack);
  } else if (const auto status = decode_status(message)) {
    write_status(json, *status);
  } else if (const auto state = decode_relay_state(message)) {
    write_relay_state(json, *state);
  } else if (const auto latest = decode_latest(message)) {
    write_latest(json, *latest);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void write_value(JsonWriter& json, double value) {
  if (std::isfinite(value)) {
    json.value(value);
  } else {
    json.value(format_number(value));
  }
}

Result<std::string> describe_message(std::string_view message,
                                     std::span<const std::string> schemas) {
  JsonWriter json(2);
  json.begin_object();
  if (!write_message(json, message, schemas)) {
    return Error{ErrorCode::invalid, "no frame, schema, ack, status, relay state or latest"};
  }
  json.end_object();
  return json.text();
}

}  // namespace godwit
