#include "edge/collectors/pods/pods.h"

#include <algorithm>
#include <utility>

#include "edge/collectors/pods/pod_cgroups.h"
#include "edge/collectors/pods/pod_facts.h"
#include "edge/http_get.h"
#include "transport/text.h"

namespace godwit {
namespace {

// How long facts are good for while no new pod or container shows up.
constexpr std::int64_t facts_age_ms = 30'000;
constexpr std::size_t max_list_bytes = 16U << 20;
constexpr std::string_view phases[] = {"Pending", "Running", "Succeeded", "Failed", "Unknown"};

void add_known(Batch& out, std::string_view name, const Labels& labels,
               const std::optional<double>& value) {
  if (value) out.add(name, labels, *value);
}

Labels with(const Labels& labels, Labels more) {
  more.insert(more.end(), labels.begin(), labels.end());
  return more;
}

void add_resources(Batch& out, std::string_view name, const Labels& labels,
                   const Resources& resources) {
  add_known(out, name, with(labels, {{"resource", "cpu"}, {"unit", "core"}}), resources.cpu);
  add_known(out, name, with(labels, {{"resource", "memory"}, {"unit", "byte"}}), resources.memory);
}

void add_usage(Batch& out, const Labels& labels, const CgroupUsage& usage) {
  add_known(out, "container_cpu_usage_seconds_total", labels, usage.cpu_s);
  add_known(out, "container_memory_working_set_bytes", labels, usage.memory_bytes);
}

const ContainerCgroup* find(const PodCgroup* pod, std::string_view ids) {
  if (pod == nullptr) return nullptr;
  for (const auto& container : pod->containers) {
    if (ids.find(container.id) != std::string_view::npos) return &container;
  }
  return nullptr;
}

void add_container(Batch& out, const Labels& pod, const ContainerFacts& facts,
                   const ContainerCgroup* cgroup) {
  const Labels labels = with(pod, {{"container", facts.name}});
  Resources limits = facts.limits;
  if (cgroup != nullptr) {
    out.add_info("kube_pod_container_info", with(labels, {{"container_id", cgroup->id}}));
    add_usage(out, labels, cgroup->usage);
    // The same limits, where nobody tells what was asked for.
    if (!limits.cpu) limits.cpu = cgroup->usage.limits.cpu;
    if (!limits.memory) limits.memory = cgroup->usage.limits.memory;
  }
  add_known(out, "kube_pod_container_status_restarts_total", labels, facts.restarts);
  add_resources(out, "kube_pod_container_resource_requests", labels, facts.requests);
  add_resources(out, "kube_pod_container_resource_limits", labels, limits);
}

void add_pod(Batch& out, const PodFacts& facts, const PodCgroup* cgroup) {
  const Labels labels = {{"namespace", facts.name_space}, {"pod", facts.name}};
  out.add_info("kube_pod_info", with(labels, {{"uid", facts.uid}}));
  const bool runs =
      cgroup != nullptr &&
      std::any_of(facts.containers.begin(), facts.containers.end(),
                  [&](const ContainerFacts& one) { return find(cgroup, one.id) != nullptr; });
  std::string_view phase = facts.phase;
  if (phase.empty() && runs) phase = "Running";
  for (const auto& one : phases) {
    if (phase.empty()) break;
    out.add("kube_pod_status_phase", with(labels, {{"phase", std::string(one)}}), one == phase);
  }
  if (facts.ready) {
    out.add("kube_pod_status_ready", with(labels, {{"condition", "true"}}), *facts.ready);
  }
  add_known(out, "kube_pod_start_time", labels, facts.start_s);
  if (cgroup != nullptr) add_usage(out, labels, cgroup->usage);
  for (const auto& container : facts.containers) {
    add_container(out, labels, container, find(cgroup, container.id));
  }
}

class Pods final : public Collector {
 public:
  Pods(const Host& host, CollectorSettings settings)
      : host_(host), settings_(std::move(settings)) {}

  Status collect(Batch& out) override {
    const auto cgroups = read_pod_cgroups(host_);
    if (!cgroups) return cgroups.error();
    const std::int64_t now_ms = host_.now().boot_ms;
    if (facts_ms_ < 0 || now_ms - facts_ms_ >= facts_age_ms || is_news(*cgroups)) {
      if (Status status = read_facts(); !status) return status;
      facts_ms_ = now_ms;
      note(*cgroups);
    }
    std::size_t named = 0;
    for (const auto& facts : facts_) {
      const PodCgroup* const cgroup = find_pod(*cgroups, facts);
      if (cgroup != nullptr) ++named;
      // Log directories outlive their pods.
      if (cgroup != nullptr || from_server_) add_pod(out, facts, cgroup);
    }
    if (named >= cgroups->size()) return {};
    return Error{ErrorCode::unavailable,
                 concat(cgroups->size() - named, " of ", cgroups->size(), " pods have no name in ",
                        from_server_ ? settings_.url : std::string("/var/log/pods"))};
  }

 private:
  static const PodCgroup* find_pod(const std::vector<PodCgroup>& cgroups, const PodFacts& facts) {
    for (const auto& pod : cgroups) {
      if (pod.uid == facts.cgroup_uid || pod.uid == facts.uid) return &pod;
    }
    return nullptr;
  }

  // A pod or a container that was not there when the facts were read.
  bool is_news(const std::vector<PodCgroup>& cgroups) const {
    std::size_t groups = 0;
    for (const auto& pod : cgroups) {
      if (!std::binary_search(seen_.begin(), seen_.end(), pod.uid)) return true;
      for (const auto& container : pod.containers) {
        if (!std::binary_search(seen_.begin(), seen_.end(), container.id)) return true;
      }
      groups += 1 + pod.containers.size();
    }
    return groups != seen_.size();  // one ended
  }

  void note(const std::vector<PodCgroup>& cgroups) {
    seen_.clear();
    for (const auto& pod : cgroups) {
      seen_.push_back(pod.uid);
      for (const auto& container : pod.containers) seen_.push_back(container.id);
    }
    std::sort(seen_.begin(), seen_.end());
  }

  Status read_facts() {
    auto facts = ask_server();
    from_server_ = facts.ok();
    if (!facts) facts = read_log_directories(host_);
    if (!facts) {
      return facts.error().with_prefix(concat("pods have no names: nothing at ", settings_.url));
    }
    facts_ = std::move(*facts);
    return {};
  }

  Result<std::vector<PodFacts>> ask_server() const {
    if (settings_.url.empty()) return Error{ErrorCode::no_data, "collectors.pods.url is not set"};
    PodListReader reader;
    HttpGetOptions options;
    options.accept = "application/json";
    options.deadline = settings_.deadline / 2;
    options.max_body_bytes = max_list_bytes;
    options.sink = [&reader](const HttpAnswer&, std::string_view piece) {
      return reader.feed(piece);
    };
    // Without the selector, MetaServer would have the whole cluster's sent from the cloud.
    const auto answer = http_get(
        concat(settings_.url, "/api/v1/pods?fieldSelector=spec.nodeName%3D", settings_.node),
        options);
    if (!answer) return answer.error();
    auto facts = reader.take();
    if (facts) {
      std::erase_if(*facts, [this](const PodFacts& pod) {
        return !pod.node.empty() && pod.node != settings_.node;
      });
    }
    return facts;
  }

  const Host& host_;
  const CollectorSettings settings_;
  std::int64_t facts_ms_ = -1;
  bool from_server_ = false;
  std::vector<PodFacts> facts_;
  std::vector<std::string> seen_;  // uids and ids when the facts were read; sorted
};

}  // namespace

CollectorSettings pods_defaults() {
  CollectorSettings settings;
  settings.interval = std::chrono::seconds(10);
  settings.deadline = std::chrono::seconds(5);
  settings.url = "http://127.0.0.1:10550";
  return settings;
}

std::unique_ptr<Collector> make_pods(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<Pods>(host, settings);
}

}  // namespace godwit
