#include <algorithm>
#include <array>

#include <sys/statvfs.h>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr std::size_t max_mounts = 256;

// node_exporter's --collector.filesystem.fs-types-exclude.
constexpr std::array<std::string_view, 25> pseudo_types = {
    "autofs",   "binfmt_misc", "bpf",     "cgroup",    "cgroup2",    "configfs",   "debugfs",
    "devpts",   "devtmpfs",    "fusectl", "hugetlbfs", "iso9660",    "mqueue",     "nsfs",
    "overlay",  "proc",        "procfs",  "pstore",    "rpc_pipefs", "securityfs", "selinuxfs",
    "squashfs", "sysfs",       "tracefs", "rootfs"};

// statvfs waits for a peer that may be away: the agent's own thread must never ask them.
constexpr std::array<std::string_view, 15> remote_types = {
    "nfs",    "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "ceph",  "glusterfs",
    "lustre", "afs",  "9p",   "coda", "ocfs2", "gfs2",  "beegfs"};

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool is_reported_type(std::string_view type) {
  return !contains(pseudo_types, type) && !contains(remote_types, type) &&
         !type.starts_with("fuse");
}

// node_exporter's default and the pods' volumes, as kube-prometheus does.
bool is_reported_mountpoint(std::string_view path) {
  for (const std::string_view tree : {"/dev", "/proc", "/run", "/sys"}) {
    if (path == tree || (path.starts_with(tree) && path[tree.size()] == '/')) return false;
  }
  for (const std::string_view tree :
       {"/var/lib/docker/", "/var/lib/containers/storage/", "/var/lib/kubelet/pods/",
        "/var/lib/edged/pods/", "/var/lib/containerd/"}) {
    if (path.size() > tree.size() && path.starts_with(tree)) return false;
  }
  return true;
}

// The kernel writes blanks and tabs in names as \040 and \011.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view code = text.substr(i, 4);
    if (code == "\\040" || code == "\\011") {
      out += code == "\\040" ? ' ' : '\t';
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_option(std::string_view options, std::string_view wanted) {
  const auto all = split(options, ',');
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

void add_filesystem(const Host& host, const Mount& mount, Batch& out) {
  const Labels labels = {
      {"device", mount.device}, {"fstype", mount.fstype}, {"mountpoint", mount.mountpoint}};
  struct statvfs info {};
  const bool failed = statvfs(host.path(mount.mountpoint).c_str(), &info) != 0;
  out.add("node_filesystem_device_error", labels, failed ? 1 : 0);
  if (failed) return;
  const auto block = static_cast<double>(info.f_frsize);
  out.add("node_filesystem_size_bytes", labels, static_cast<double>(info.f_blocks) * block);
  out.add("node_filesystem_free_bytes", labels, static_cast<double>(info.f_bfree) * block);
  out.add("node_filesystem_avail_bytes", labels, static_cast<double>(info.f_bavail) * block);
  out.add("node_filesystem_files", labels, static_cast<double>(info.f_files));
  out.add("node_filesystem_files_free", labels, static_cast<double>(info.f_ffree));
  out.add("node_filesystem_readonly", labels, mount.read_only ? 1 : 0);
}

class Filesystem final : public Collector {
 public:
  explicit Filesystem(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    // Of process 1, so that an agent in a container sees the mounts of the host.
    auto text = host_.read_file("/proc/1/mounts");
    if (!text) text = host_.read_file("/proc/mounts");
    if (!text) return text.error();
    for (const auto& mount : parse_mounts(*text)) add_filesystem(host_, mount, out);
    return {};
  }

 private:
  const Host& host_;
};

}  // namespace

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty() && mounts.size() < max_mounts) {
    std::string_view rest = next_line(text);
    const std::string_view device = next_field(rest);
    const std::string_view path = next_field(rest);
    const std::string_view type = next_field(rest);
    const std::string_view options = next_field(rest);
    if (options.empty() || !is_reported_type(type) || !is_utf8(device) || !is_utf8(path)) continue;
    Mount mount = {unescape(device), unescape(path), std::string(type), has_option(options, "ro")};
    if (!is_reported_mountpoint(mount.mountpoint)) continue;
    // What is mounted over an earlier mount hides it.
    std::erase_if(mounts, [&mount](const Mount& m) { return m.mountpoint == mount.mountpoint; });
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::unique_ptr<Collector> make_filesystem(const Host& host,
                                           const CollectorSettings& /*settings*/) {
  return std::make_unique<Filesystem>(host);
}

}  // namespace godwit
