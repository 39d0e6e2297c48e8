#include "cloud/api.h"

#include <algorithm>

#include "cloud/api_json.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

using What = ApiTarget::Kind;

HttpResponse fail(int status, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.body = concat(message, "\n");
  response.any_origin = true;
  return response;
}

HttpResponse succeed(const JsonWriter& json) {
  HttpResponse response;
  response.content_type = "application/json";
  response.body = json.text();
  response.any_origin = true;
  return response;
}

HttpResponse not_found(const ApiTarget& target) {
  return fail(404, target.kind == What::pod
                       ? concat("Pod not found: ", target.name_space, "/", target.name)
                       : concat("Node not found: ", target.node));
}

// What the series of the target have in common.
Labels labels_of(const ApiTarget& target) {
  if (target.kind == What::node) return {{"instance", target.node}};
  if (target.kind == What::pod) return {{"namespace", target.name_space}, {"pod", target.name}};
  return {};
}

const PodMetrics* find_pod(const ApiTarget& target, const std::vector<NodeState>& states) {
  for (const auto& state : states) {
    for (const auto& pod : state.pods) {
      if (pod.name == target.name && pod.name_space == target.name_space) return &pod;
    }
  }
  return nullptr;
}

bool is_there(const ApiTarget& target, const std::vector<NodeState>& states) {
  if (target.kind == What::node) return !states.empty();
  return target.kind != What::pod || find_pod(target, states) != nullptr;
}

// nullopt: the data is no list.
std::optional<std::size_t> count_of(const ApiTarget& target, const std::vector<NodeState>& states) {
  if (target.kind == What::nodes) return states.size();
  std::size_t count = 0;
  for (const auto& state : states) {
    count += target.kind == What::pods ? state.pods.size() : state.network.size();
  }
  return target.kind == What::pods || target.kind == What::network ? std::optional(count)
                                                                   : std::nullopt;
}

// Only of what is_there().
void write_data(JsonWriter& json, const ApiTarget& target, const std::vector<NodeState>& states,
                std::int64_t time_ms) {
  switch (target.kind) {
    case What::cluster:
      return write_cluster(json, describe_cluster(states, time_ms));
    case What::nodes:
      return write_nodes(json, states);
    case What::node:
      return write_node(json, states.front().node);
    case What::pods:
      return write_pods(json, states);
    case What::pod:
      return write_pod(json, *find_pod(target, states));
    case What::network:
      return write_network(json, states);
    case What::snapshot:
      return write_snapshot(json, states, time_ms);
  }
}

HttpResponse show(const ApiTarget& target, const std::vector<NodeState>& states,
                  std::int64_t time_ms) {
  if (!is_there(target, states)) return not_found(target);
  JsonWriter json;
  json.begin_object();
  json.member("status", "success");
  json.key("data");
  write_data(json, target, states, time_ms);
  if (const auto count = count_of(target, states)) json.member("count", *count);
  if (target.kind != What::snapshot) json.member("timestamp", format_utc(time_ms));
  json.end_object();
  return succeed(json);
}

HttpResponse show_health(std::int64_t now_ms) {
  JsonWriter json;
  json.begin_object();
  json.member("status", "healthy");
  json.member("timestamp", format_utc(now_ms));
  json.member("version", GODWIT_VERSION);
  json.end_object();
  return succeed(json);
}

}  // namespace

HttpResponse Api::serve(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") return fail(405, "Method not allowed");
  const std::int64_t now_ms = clock_().wall_ms;
  if (request.path == "/health") return show_health(now_ms);
  const auto target = parse_api_path(request.path);
  if (!target) {
    return fail(target.error().code == ErrorCode::no_data ? 404 : 400, target.error().message);
  }
  const auto query = parse_api_query(request.query);
  if (!query) return fail(400, query.error().message);
  if (query->at_ms || query->range_ms || options_.present_from_database) {
    return show_past(*target, *query, now_ms);
  }
  return show(*target, present(*target, now_ms), now_ms);
}

Api::States Api::present(const ApiTarget& target, std::int64_t now_ms) const {
  States states;
  const auto add = [&](const NodeReadings& readings) {
    states.push_back(describe_node(readings, Moment::live, now_ms));
  };
  if (target.kind == What::node) {
    view_.visit(target.node, add);
    return states;
  }
  for (const auto& node : view_.nodes()) view_.visit(node, add);
  return states;
}

HttpResponse Api::show_past(const ApiTarget& target, const ApiQuery& query,
                            std::int64_t now_ms) const {
  Moments moments;
  moments.last_ms = query.at_ms.value_or(now_ms);
  moments.first_ms = moments.last_ms;
  if (query.range_ms) {
    moments.step_ms = query.step_ms;
    // Whole steps, so that the end is one of the moments.
    moments.first_ms -= *query.range_ms / query.step_ms * query.step_ms;
    if (moments.first_ms < 0) return fail(400, "the range begins before 1970");
  }
  const auto history = History::ask(options_.history, moments, labels_of(target));
  if (!history) {
    return fail(503, concat("Metrics manager not available: ", history.error().message));
  }
  const auto at = [&](std::int64_t time_ms) {
    States states;
    history->visit(time_ms, [&](const NodeReadings& readings) {
      states.push_back(describe_node(readings, Moment::past, time_ms));
    });
    return states;
  };
  if (!query.range_ms) return show(target, at(moments.last_ms), moments.last_ms);

  JsonWriter json;
  json.begin_object();
  json.member("status", "success");
  json.key("data");
  json.begin_array();
  std::size_t count = 0;
  for (std::int64_t time_ms = moments.first_ms; time_ms <= moments.last_ms;
       time_ms += moments.step_ms) {
    const States states = at(time_ms);
    if (states.empty() || !is_there(target, states)) continue;
    ++count;
    json.begin_object();
    json.member("timestamp", format_utc(time_ms));
    json.key("data");
    write_data(json, target, states, time_ms);
    json.end_object();
  }
  json.end_array();
  if (count == 0 && (target.kind == What::node || target.kind == What::pod)) {
    return not_found(target);
  }
  json.member("count", count);
  json.member("timestamp", format_utc(now_ms));
  json.end_object();
  return succeed(json);
}

}  // namespace godwit
