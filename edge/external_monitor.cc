#include "edge/external_monitor.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

using protozero::pbf_reader;
using protozero::pbf_writer;

constexpr std::string_view source = "gpu-monitor";
constexpr std::string_view service = "/npd.external.v1.ExternalMonitor/";
// node-problem-detector compares by position, so the order never changes.
constexpr std::array<std::string_view, 4> usual_types = {"GPUHealthy", "GPUHung",
                                                         "GPUMemoryPressure", "GPUTemperatureHigh"};
constexpr std::size_t max_parameters = 64;
constexpr std::size_t max_told = 5;

enum Severity : std::int32_t { severity_info = 1, severity_warn = 2 };

std::int32_t status_number(ConditionStatus status) {
  if (status == ConditionStatus::unknown) return 3;
  return status == ConditionStatus::problem ? 1 : 2;
}

// google.protobuf.Timestamp. A missing one is read as 1970.
void add_time(pbf_writer& writer, protozero::pbf_tag_type field, std::int64_t wall_ms) {
  std::string bytes;
  pbf_writer time(bytes);
  time.add_int64(1, wall_ms / 1000);
  time.add_int32(2, static_cast<std::int32_t>(wall_ms % 1000 * 1'000'000));
  writer.add_message(field, bytes);
}

void add_entry(pbf_writer& writer, protozero::pbf_tag_type field, std::string_view key,
               std::string_view value) {
  std::string bytes;
  pbf_writer entry(bytes);
  entry.add_string(1, key.data(), key.size());
  entry.add_string(2, value.data(), value.size());
  writer.add_message(field, bytes);
}

void add_text(pbf_writer& writer, protozero::pbf_tag_type field, std::string_view text) {
  writer.add_string(field, text.data(), text.size());
}

std::string metadata(const HealthThresholds& thresholds) {
  std::string bytes;
  pbf_writer out(bytes);
  add_text(out, 1, source);
  add_text(out, 2, GODWIT_VERSION);
  add_text(out, 3, "Health of the GPUs and NPUs of this node, as godwit-agent judges it");
  for (const auto& type : condition_types()) add_text(out, 4, type);
  add_entry(out, 5, "temperature_threshold", format_number(thresholds.temperature_c));
  add_entry(out, 5, "memory_threshold", format_number(thresholds.memory_percent));
  add_text(out, 6, "v1");
  return bytes;
}

void add_event(pbf_writer& out, const Condition& it, std::int64_t wall_ms) {
  std::string bytes;
  pbf_writer event(bytes);
  event.add_enum(1, it.status == ConditionStatus::no_problem ? severity_info : severity_warn);
  add_time(event, 2, wall_ms);
  add_text(event, 3, it.reason);
  add_text(event, 4, it.message);
  out.add_message(2, bytes);
}

void add_condition(pbf_writer& out, const Condition& it) {
  std::string bytes;
  pbf_writer condition(bytes);
  add_text(condition, 1, it.type);
  condition.add_enum(2, status_number(it.status));
  add_time(condition, 3, it.since_wall_ms.value_or(0));
  add_text(condition, 4, it.reason);
  add_text(condition, 5, it.message);
  out.add_message(3, bytes);
}

// protozero takes a field's type for granted.
bool is_bytes(const pbf_reader& field, protozero::pbf_tag_type tag) {
  return field.tag() == tag && field.wire_type() == protozero::pbf_wire_type::length_delimited;
}

const Condition* find(const std::vector<Condition>& all, std::string_view type) {
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Condition& one) { return one.type == type; });
  return it == all.end() ? nullptr : &*it;
}

// A type that does not apply to this node is none that can be told.
Condition not_available(std::string_view type) {
  Condition result;
  result.type = type;
  const std::string_view kind = type.starts_with("NPU") ? "NPU" : "GPU";
  result.reason = kind == "NPU" ? "NPUNotAvailable" : "GPUNotAvailable";
  result.message = concat(kind, " not available for monitoring");
  return result;
}

}  // namespace

struct ExternalMonitor::Request {
  HealthThresholds thresholds;
  std::vector<std::string_view> types;  // of condition_types()
};

Result<ExternalMonitor::Request> ExternalMonitor::parse(std::string_view message,
                                                        HealthThresholds defaults) {
  Request request{defaults, {}};
  std::size_t count = 0;
  pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    if (!is_bytes(reader, 1)) {
      reader.skip();
      continue;
    }
    if (++count > max_parameters) return Error{ErrorCode::invalid, "too many parameters"};
    pbf_reader entry = reader.get_message();
    std::string key, value;
    while (entry.next()) {
      if (!is_bytes(entry, 1) && !is_bytes(entry, 2)) {
        entry.skip();
      } else if (entry.tag() == 1) {
        key = entry.get_string();
      } else {
        value = entry.get_string();
      }
    }
    if (key == "conditions") {
      for (const auto name : split(value, ',')) {
        const auto all = condition_types();
        const auto it = std::find(all.begin(), all.end(), trim(name));
        if (it == all.end()) {
          return Error{ErrorCode::invalid,
                       concat("conditions: there is no ", quote_for_message(trim(name), 40))};
        }
        const bool is_twice =
            std::find(request.types.begin(), request.types.end(), *it) != request.types.end();
        if (!is_twice) request.types.push_back(*it);
      }
    }
    const bool is_temperature = key == "temperature_threshold";
    if (!is_temperature && key != "memory_threshold") continue;
    const auto number = parse_double(trim(value));
    if (!number || *number < 0 || *number > 1000) {
      return Error{ErrorCode::invalid,
                   concat(key, ": ", quote_for_message(value, 40), " is no threshold")};
    }
    (is_temperature ? request.thresholds.temperature_c : request.thresholds.memory_percent) =
        *number;
  }
  if (request.types.empty()) request.types.assign(usual_types.begin(), usual_types.end());
  return request;
}

std::vector<Condition>& ExternalMonitor::told_for(const HealthThresholds& thresholds) {
  for (auto& told : told_) {
    if (told.thresholds == thresholds) return told.conditions;
  }
  if (told_.size() >= max_told) told_.erase(told_.begin());
  told_.push_back({thresholds, {}});
  return told_.back().conditions;
}

GrpcReply ExternalMonitor::check_health(std::string_view message) {
  const auto request = parse(message, health_.thresholds());
  if (!request) return {GrpcCode::invalid_argument, request.error().message, {}};
  const TimePoint now = clock_();
  // The machine's own clock may be wrong, so it must not date what Health keeps.
  const auto judged = health_.conditions(request->thresholds, {now.boot_ms, std::nullopt});
  auto& told = told_for(request->thresholds);
  GrpcReply reply;
  pbf_writer out(reply.message);
  add_text(out, 1, source);
  std::vector<Condition> all;
  for (const auto& type : request->types) {
    const Condition* const known = find(judged, type);
    all.push_back(known != nullptr ? *known : not_available(type));
    Condition& it = all.back();
    const Condition* const before = find(told, type);
    const bool same_status = before != nullptr && before->status == it.status;
    if (!it.since_wall_ms) {
      it.since_wall_ms =
          same_status ? before->since_wall_ms : now.wall_ms - now.boot_ms + it.since_boot_ms;
    }
    // An event only when something changed, and never that all is well from the beginning.
    const bool is_news = before == nullptr ? it.status != ConditionStatus::no_problem
                                           : !same_status || before->reason != it.reason;
    if (is_news) add_event(out, it, now.wall_ms);
  }
  for (const auto& it : all) add_condition(out, it);
  std::erase_if(told, [&](const Condition& it) { return find(all, it.type) != nullptr; });
  told.insert(told.end(), all.begin(), all.end());
  return reply;
}

GrpcReply ExternalMonitor::answer(std::string_view method, std::string_view message) {
  try {
    if (method.starts_with(service)) {
      const std::string_view name = method.substr(service.size());
      if (name == "CheckHealth") return check_health(message);
      if (name == "GetMetadata") return {GrpcCode::ok, {}, metadata(health_.thresholds())};
      if (name == "Stop") {
        // It stops whom it asks; the agent has more to do than that.
        log::info("npd", "node-problem-detector does not ask any more; the agent goes on");
        return {};
      }
    }
    return {GrpcCode::unimplemented, concat("no method ", quote_for_message(method, 80)), {}};
  } catch (const std::exception& error) {  // protozero's, of damaged messages
    return {GrpcCode::invalid_argument, concat("no protobuf message: ", error.what()), {}};
  }
}

}  // namespace godwit
