#include "edge/npd_check.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "edge/http_get.h"
#include "edge/read_all.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view folder = "/conditions/";
constexpr int exit_no_problem = 0;
constexpr int exit_problem = 1;
constexpr int exit_unknown = 2;
constexpr std::size_t max_line_bytes = 80;  // node-problem-detector's max_output_length
constexpr std::size_t max_answer_bytes = 4096;
constexpr std::chrono::milliseconds patience{1000};
// node-problem-detector waits for 5 s unless told otherwise.
constexpr std::chrono::milliseconds longest_reading{3000};

std::string line_of(const Condition& it) {
  return concat(status_name(it.status), " ", it.reason, " ", it.message);
}

bool is_line(std::string_view text) {
  return text.starts_with("True ") || text.starts_with("False ") || text.starts_with("Unknown ");
}

int rank(ConditionStatus status) {
  if (status == ConditionStatus::problem) return 2;
  return status == ConditionStatus::unknown ? 1 : 0;
}

const Condition* choose(const std::vector<Condition>& all, std::string_view type) {
  const Condition* chosen = nullptr;
  for (const auto& it : all) {
    if (!type.empty() && it.type != type) continue;
    if (chosen == nullptr || rank(it.status) > rank(chosen->status)) chosen = &it;
  }
  return chosen;
}

// Where the agent answers. Empty: nowhere.
std::string agent_url(const std::string& listen, std::string_view path) {
  if (listen.empty()) return {};
  std::string_view host = std::string_view(listen).substr(0, listen.rfind(':'));
  const std::string_view port = std::string_view(listen).substr(host.size());
  // One that listens everywhere listens here as well.
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = "127.0.0.1";
  return concat("http://", host, port, path);
}

// nullopt when no agent answers.
std::optional<std::string> ask_agent(const AgentSettings& settings, const std::string& type) {
  HttpGetOptions options;
  options.deadline = patience;
  options.max_body_bytes = max_answer_bytes;
  options.loopback_only = false;
  const std::string url = agent_url(settings.http_listen, concat(folder, type));
  const auto answer = http_get(url, options);
  if (!answer || !is_line(answer->body)) return std::nullopt;
  return answer->body;
}

std::string read_now(const AgentSettings& settings, const std::string& type) {
  std::vector<AgentSettings::Choice> choices;
  for (const auto& choice : settings.collectors) {
    if (!is_accelerator_source(choice.spec->name)) continue;
    choices.push_back(choice);
    choices.back().settings.deadline = std::min(choice.settings.deadline, longest_reading);
  }
  std::vector<const AgentSettings::Choice*> pointers;
  pointers.reserve(choices.size());
  for (const auto& choice : choices) pointers.push_back(&choice);
  const Host host(settings.root);
  Health health(settings.health);
  HealthTime now{host.now().boot_ms, std::nullopt};
  for (auto& reading : read_all(pointers, host)) {
    Batch batch;
    for (auto& sample : reading.samples) {
      batch.add(sample.series.name, std::move(sample.series.labels), sample.value);
    }
    health.observe(reading.name, reading.status, batch, now);
  }
  return answer_conditions(concat(folder, type), health, host.now()).body;
}

}  // namespace

HttpResponse answer_conditions(const std::string& path, Health& health, const TimePoint& now) {
  const auto all = health.conditions({now.boot_ms, std::nullopt});
  if (path.starts_with(folder)) {
    const Condition* const chosen = choose(all, std::string_view(path).substr(folder.size()));
    if (chosen != nullptr) return {.body = line_of(*chosen) + "\n"};
    return {.body = "Unknown NotApplicable this node has nothing of the kind\n"};
  }
  JsonWriter json(2);
  json.begin_array();
  for (const auto& it : all) {
    json.begin_object();
    json.member("type", it.type);
    json.member("status", status_name(it.status));
    json.member("transition", format_utc(it.since_wall_ms.value_or(now.wall_ms - now.boot_ms +
                                                                   it.since_boot_ms)));
    json.member("reason", it.reason);
    json.member("message", it.message);
    json.end_object();
  }
  json.end_array();
  return {.content_type = "application/json", .body = json.text() + "\n"};
}

int npd_check_command(const AgentSettings& settings, const std::string& type, std::ostream& out) {
  const auto types = condition_types();
  if (!type.empty() && std::find(types.begin(), types.end(), type) == types.end()) {
    out << "there is no condition " << quote_for_message(type, 40) << '\n';
    return exit_unknown;
  }
  const auto told = ask_agent(settings, type);
  const std::string answer = told ? *told : read_now(settings, type);
  // "STATUS REASON MESSAGE": node-problem-detector knows the reason from its rule.
  const std::string_view line = trim(answer);
  const std::size_t status_end = std::min(line.find(' '), line.size());
  const std::size_t reason_end = std::min(line.find(' ', status_end + 1), line.size());
  out << trim(line.substr(reason_end)).substr(0, max_line_bytes) << '\n';
  const std::string_view status = line.substr(0, status_end);
  if (status == "True") return exit_problem;
  return status == "False" ? exit_no_problem : exit_unknown;
}

}  // namespace godwit
