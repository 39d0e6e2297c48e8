#include <algorithm>

#include "edge/collectors/pods/pod_facts.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view pods_directory = "/var/log/pods";
constexpr std::string_view links_directory = "/var/log/containers";

// The highest N of the files N.log: how often the container was started anew.
std::optional<double> read_restarts(const Host& host, const std::string& directory) {
  const auto files = host.list(directory);
  if (!files) return std::nullopt;
  std::optional<double> restarts;
  for (std::string_view file : *files) {
    if (!file.ends_with(".log")) continue;
    file.remove_suffix(4);
    const auto number = parse_int<std::uint32_t>(file);
    if (number && (!restarts || *number > *restarts)) restarts = *number;
  }
  return restarts;
}

// "<pod>_<namespace>_<container>-<id>.log": names have no '_', ids no '-'.
void add_id(std::string_view link, std::vector<PodFacts>& pods) {
  if (!link.ends_with(".log")) return;
  link.remove_suffix(4);
  const auto parts = split(link, '_');
  if (parts.size() != 3) return;
  const std::size_t dash = parts[2].rfind('-');
  if (dash == std::string_view::npos) return;
  for (auto& pod : pods) {
    if (pod.name != parts[0] || pod.name_space != parts[1]) continue;
    for (auto& container : pod.containers) {
      // Links of earlier lives stay for a while; which one is the present one shows in the cgroups.
      if (container.name != parts[2].substr(0, dash)) continue;
      if (!container.id.empty()) container.id += ' ';
      container.id += parts[2].substr(dash + 1);
    }
  }
}

}  // namespace

Result<std::vector<PodFacts>> read_log_directories(const Host& host) {
  const auto directories = host.list(pods_directory);
  if (!directories) return directories.error();
  std::vector<PodFacts> pods;
  for (const auto& directory : *directories) {
    const auto parts = split(directory, '_');
    if (parts.size() != 3 || !is_utf8(directory) || pods.size() >= max_pods) continue;
    PodFacts pod;
    pod.name_space = parts[0];
    pod.name = parts[1];
    pod.uid = pod.cgroup_uid = parts[2];
    if (pod.name_space.empty() || pod.name.empty() || pod.uid.empty()) continue;
    const std::string path = concat(pods_directory, "/", directory);
    const auto containers = host.list(path);
    if (!containers) continue;
    for (const auto& name : *containers) {
      if (pod.containers.size() >= max_pod_containers || !is_utf8(name)) continue;
      ContainerFacts container;
      container.name = name;
      container.restarts = read_restarts(host, concat(path, "/", name));
      pod.containers.push_back(std::move(container));
    }
    pods.push_back(std::move(pod));
  }
  if (const auto links = host.list(links_directory)) {
    for (const auto& link : *links) add_id(link, pods);
  }
  return pods;
}

}  // namespace godwit
