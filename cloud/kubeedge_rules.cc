#include "cloud/kubeedge_rules.h"

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "transport/digest.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;

constexpr std::size_t max_objects = 20'000;
constexpr std::size_t max_name_bytes = 253;
constexpr std::string_view api = "rules.kubeedge.io/v1";
constexpr std::string_view owner_label = "app.kubernetes.io/managed-by";
constexpr std::string_view owner = "godwit-relay";
constexpr std::string_view eventbus_endpoint = "godwit-eventbus";
constexpr std::string_view rest_endpoint = "godwit-rest";

using Specs = std::map<std::string, json>;  // by object name

std::string collection(const RuleSettings& settings, std::string_view plural) {
  return concat("/apis/", api, "/namespaces/", settings.rule_namespace, "/", plural);
}

std::string rule_name(const std::string& node) {
  std::string name = concat("godwit-up-", node);
  if (name.size() <= max_name_bytes) return name;
  return concat("godwit-up-", to_hex(sha256(node)));
}

Specs wanted_endpoints() {
  return {
      {std::string(eventbus_endpoint),
       {{"ruleEndpointType", "eventbus"}, {"properties", json::object()}}},
      {std::string(rest_endpoint), {{"ruleEndpointType", "rest"}, {"properties", json::object()}}}};
}

Specs wanted_rules(const RuleSettings& settings, const std::vector<std::string>& nodes) {
  Specs rules;
  for (const auto& node : nodes) {
    rules[rule_name(node)] = {
        {"source", eventbus_endpoint},
        {"sourceResource", {{"topic", concat("user/", settings.up_topic)}, {"node_name", node}}},
        {"target", rest_endpoint},
        {"targetResource", {{"resource", settings.target_url}}}};
  }
  rules["godwit-down"] = {{"source", rest_endpoint},
                          {"sourceResource", {{"path", concat("/", settings.down_path)}}},
                          {"target", eventbus_endpoint},
                          {"targetResource", {{"topic", settings.down_path}}}};
  return rules;
}

std::string name_of(const json& object) { return object["metadata"]["name"].get<std::string>(); }

json make_object(const RuleSettings& settings, std::string_view kind, const std::string& name,
                 const json& spec) {
  return {{"apiVersion", api},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", settings.rule_namespace},
            {"labels", {{std::string(owner_label), owner}}}}},
          {"spec", spec}};
}

// Objects of one kind brought in line.
class Keeper {
 public:
  Keeper(KubernetesClient& client, const RuleSettings& settings, RuleReport& report)
      : client_(client), settings_(settings), report_(report) {}

  Status keep(std::string_view kind, std::string_view plural, const Specs& wanted) {
    const std::string path = collection(settings_, plural);
    const auto found = client_.list(path, concat(owner_label, "=", owner), max_objects);
    if (!found) return found.error();
    Specs missing = wanted;
    for (const auto& object : *found) {
      const std::string name = name_of(object);
      const auto want = wanted.find(name);
      if (want != wanted.end() && object.value("spec", json()) == want->second) {
        missing.erase(name);
        continue;
      }
      if (!note(client_.remove(concat(path, "/", name)), ErrorCode::no_data)) continue;
      ++report_.deleted;
    }
    for (const auto& [name, spec] : missing) {
      const Status made = client_.create(path, make_object(settings_, kind, name, spec));
      if (note(made, ErrorCode::rejected) && made) ++report_.created;
    }
    return first_error_ ? Status(*first_error_) : Status();
  }

 private:
  // `harmless`: another relay was quicker.
  bool note(const Status& status, ErrorCode harmless) {
    if (status || status.error().code == harmless) return true;
    if (!first_error_) first_error_ = status.error();
    return false;
  }

  KubernetesClient& client_;
  const RuleSettings& settings_;
  RuleReport& report_;
  std::optional<Error> first_error_;
};

}  // namespace

Result<RuleReport> reconcile_rules(KubernetesClient& client, const RuleSettings& settings) {
  RuleReport report;
  const auto nodes = client.list("/api/v1/nodes", settings.node_selector, max_objects);
  if (!nodes) return nodes.error();
  std::vector<std::string> names;
  for (const auto& node : *nodes) names.push_back(name_of(node));
  report.nodes = names.size();
  Keeper keeper(client, settings, report);
  if (Status s = keeper.keep("RuleEndpoint", "ruleendpoints", wanted_endpoints()); !s) {
    return s.error();
  }
  if (Status s = keeper.keep("Rule", "rules", wanted_rules(settings, names)); !s) return s.error();
  return report;
}

KubeedgeRules::KubeedgeRules(KubernetesClient client, RuleSettings settings)
    : client_(std::move(client)), settings_(std::move(settings)), thread_([this] { run(); }) {}

KubeedgeRules::~KubeedgeRules() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void KubeedgeRules::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    turn();
    lock.lock();
    stop_.wait_for(lock, std::chrono::milliseconds(settings_.interval_ms),
                   [this] { return stopping_; });
  }
}

void KubeedgeRules::turn() {
  const auto report = reconcile_rules(client_, settings_);
  if (!report) {
    const Error& error = report.error();
    const std::string trouble =
        error.code == ErrorCode::no_data
            ? concat("the cluster has no ", api,
                     " Rules; install KubeEdge's router CRDs, or set eventbus.manage_rules: false")
            : error.message;
    if (trouble != told_) log::warning("kubeedge", "Rules cannot be kept", {{"reason", trouble}});
    told_ = trouble;
    return;
  }
  if (!told_.empty()) log::info("kubeedge", "Rules can be kept again");
  told_.clear();
  if (report->created + report->deleted == 0) return;
  log::info("kubeedge", "Rules brought in line",
            {{"nodes", report->nodes}, {"created", report->created}, {"deleted", report->deleted}});
}

}  // namespace godwit
