#include "edge/collectors/pods/pod_cgroups.h"

#include <algorithm>
#include <utility>

#include "edge/collectors/fields.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view mount = "/sys/fs/cgroup";
constexpr std::size_t max_outer_directories = 200;
constexpr double no_memory_limit = 4e18;  // v1 writes the highest multiple of a page instead

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<double> read_number(const Host& host, const std::string& file) {
  const auto line = host.read_line(file);
  return line ? parse_double(*line) : std::nullopt;
}

// The number behind `name` in a file of "name number" lines.
std::optional<double> read_field(const Host& host, const std::string& file, std::string_view name) {
  const auto text = host.read_file(file, 64U << 10);
  if (!text) return std::nullopt;
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view line = next_line(rest);
    if (next_field(line) == name) return parse_double(next_field(line));
  }
  return std::nullopt;
}

// Where the controllers are; the same with v2.
struct Hierarchy {
  bool unified = false;
  std::string cpu, memory;  // paths of the roots; memory may be empty
};

std::optional<Hierarchy> find_hierarchy(const Host& host) {
  const std::string root(mount);
  if (host.exists(root + "/cgroup.controllers")) return Hierarchy{true, root, root};
  Hierarchy found;
  for (const std::string_view name : {"/cpu,cpuacct", "/cpuacct,cpu", "/cpuacct"}) {
    if (found.cpu.empty() && host.exists(root + std::string(name))) found.cpu = concat(root, name);
  }
  if (found.cpu.empty()) return std::nullopt;
  if (host.exists(root + "/memory")) found.memory = root + "/memory";
  return found;
}

// Paths below the hierarchy's root, as "/kubepods.slice".
std::vector<std::string> find_trees(const Host& host, const std::string& root) {
  const auto is_tree = [](std::string_view name) {
    return name == "kubepods" || name == "kubepods.slice" || name.ends_with("-kubepods.slice");
  };
  std::vector<std::string> trees;
  const auto names = host.list(root);
  if (!names) return trees;
  for (const auto& name : *names) {
    if (is_tree(name)) trees.push_back(concat("/", name));
  }
  if (!trees.empty()) return trees;
  // Below another group, as cgroupRoot of the kubelet or edged says.
  std::size_t looked_into = 0;
  for (const auto& outer : *names) {
    const auto inner = host.list(concat(root, "/", outer));
    if (!inner) continue;
    if (++looked_into > max_outer_directories) break;
    for (const auto& name : *inner) {
      if (is_tree(name)) trees.push_back(concat("/", outer, "/", name));
    }
  }
  return trees;
}

class Walk {
 public:
  Walk(const Host& host, Hierarchy hierarchy) : host_(host), hierarchy_(std::move(hierarchy)) {}

  // Below kubepods lie pods, and the classes of service that have pods below them.
  void read_tree(const std::string& path, bool is_class) {
    const auto names = host_.list(hierarchy_.cpu + path);
    if (!names) return;
    for (const auto& name : *names) {
      const std::string inner = concat(path, "/", name);
      if (std::string uid = pod_uid_of(name); !uid.empty()) {
        if (pods_.size() < max_pods) read_pod(inner, std::move(uid));
      } else if (!is_class && (name.find("burstable") != std::string::npos ||
                               name.find("besteffort") != std::string::npos ||
                               name.find("guaranteed") != std::string::npos)) {
        read_tree(inner, true);
      }
    }
  }

  std::vector<PodCgroup> take() {
    std::sort(pods_.begin(), pods_.end(),
              [](const PodCgroup& a, const PodCgroup& b) { return a.uid < b.uid; });
    return std::move(pods_);
  }

 private:
  void read_pod(const std::string& path, std::string uid) {
    PodCgroup pod;
    pod.uid = std::move(uid);
    pod.usage = read_usage(path);
    if (const auto names = host_.list(hierarchy_.cpu + path)) {
      for (const auto& name : *names) {
        const auto id = container_id_of(name);
        if (id.empty() || pod.containers.size() > max_pod_containers) continue;
        pod.containers.push_back({std::string(id), read_usage(concat(path, "/", name))});
      }
    }
    pods_.push_back(std::move(pod));
  }

  [[nodiscard]] CgroupUsage read_usage(const std::string& path) const {
    return hierarchy_.unified ? read_v2(hierarchy_.cpu + path) : read_v1(path);
  }

  [[nodiscard]] CgroupUsage read_v2(const std::string& directory) const {
    CgroupUsage out;
    out.cpu_s = read_field(host_, directory + "/cpu.stat", "usage_usec");
    if (out.cpu_s) *out.cpu_s /= 1e6;
    set_memory(read_number(host_, directory + "/memory.current"),
               read_field(host_, directory + "/memory.stat", "inactive_file"), out);
    out.limits.memory = read_number(host_, directory + "/memory.max");  // or "max"
    if (const auto line = host_.read_line(directory + "/cpu.max")) {
      std::string_view rest = *line;  // "max 100000" or "50000 100000"
      const auto quota = parse_double(next_field(rest));
      const auto period = parse_double(next_field(rest));
      if (quota && period && *period > 0) out.limits.cpu = *quota / *period;
    }
    return out;
  }

  [[nodiscard]] CgroupUsage read_v1(const std::string& path) const {
    CgroupUsage out;
    const std::string cpu = hierarchy_.cpu + path;
    out.cpu_s = read_number(host_, cpu + "/cpuacct.usage");
    if (out.cpu_s) *out.cpu_s /= 1e9;
    const auto quota = read_number(host_, cpu + "/cpu.cfs_quota_us");  // -1: none
    const auto period = read_number(host_, cpu + "/cpu.cfs_period_us");
    if (quota && period && *quota > 0 && *period > 0) out.limits.cpu = *quota / *period;
    if (hierarchy_.memory.empty()) return out;
    const std::string memory = hierarchy_.memory + path;
    set_memory(read_number(host_, memory + "/memory.usage_in_bytes"),
               read_field(host_, memory + "/memory.stat", "total_inactive_file"), out);
    out.limits.memory = read_number(host_, memory + "/memory.limit_in_bytes");
    if (out.limits.memory && *out.limits.memory > no_memory_limit) out.limits.memory.reset();
    return out;
  }

  static void set_memory(std::optional<double> usage, std::optional<double> inactive_file,
                         CgroupUsage& out) {
    if (usage) out.memory_bytes = std::max(0.0, *usage - inactive_file.value_or(0));
  }

  const Host& host_;
  Hierarchy hierarchy_;
  std::vector<PodCgroup> pods_;
};

}  // namespace

std::string pod_uid_of(std::string_view directory) {
  if (directory.ends_with(".slice")) {
    directory.remove_suffix(6);
    const std::size_t pod = directory.rfind("-pod");
    if (pod == std::string_view::npos) return {};
    directory.remove_prefix(pod + 1);
  }
  if (!directory.starts_with("pod")) return {};
  std::string uid(directory.substr(3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  std::string digits = uid;
  std::erase(digits, '-');
  return digits.size() == 32 && is_hex(digits) ? uid : std::string();
}

std::string_view container_id_of(std::string_view directory) {
  if (directory.starts_with("crio-conmon-")) return {};
  if (directory.ends_with(".scope")) directory.remove_suffix(6);
  const std::size_t dash = directory.rfind('-');
  if (dash != std::string_view::npos) directory.remove_prefix(dash + 1);
  return directory.size() == 64 && is_hex(directory) ? directory : std::string_view();
}

std::string container_of_process(std::string_view cgroup) {
  for (const auto line : split_lines(cgroup)) {
    std::string path(line.substr(std::min(line.find('/'), line.size())));
    // containerd without its systemd driver: "kubepods-<...>.slice:cri-containerd:<id>".
    std::replace(path.begin(), path.end(), ':', '/');
    for (const auto part : split(path, '/')) {
      const auto id = container_id_of(part);
      if (!id.empty()) return std::string(id);
    }
  }
  return {};
}

Result<std::vector<PodCgroup>> read_pod_cgroups(const Host& host) {
  auto hierarchy = find_hierarchy(host);
  if (!hierarchy) {
    return Error{ErrorCode::no_data, concat(host.path(mount), ": no control groups")};
  }
  const auto trees = find_trees(host, hierarchy->cpu);
  if (trees.empty()) {
    return Error{ErrorCode::no_data,
                 concat(host.path(hierarchy->cpu), ": no kubepods: no pods on this node")};
  }
  Walk walk(host, std::move(*hierarchy));
  for (const auto& tree : trees) walk.read_tree(tree, false);
  return walk.take();
}

}  // namespace godwit
