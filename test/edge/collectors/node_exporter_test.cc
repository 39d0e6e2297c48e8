// Our host collectors beside the real node_exporter: same series, same labels, same values, once on
// a tree of fixtures (exactly) and once on this machine (within the time between the readings).
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/collectors/host_collectors.h"
#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;

namespace {

using Readings = std::map<std::string, double>;
constexpr const char* exporter_program = "prometheus-node-exporter";

std::string fetch(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string text;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
    if (write(fd, request.data(), request.size()) > 0) {
      char chunk[65536];
      for (ssize_t n = read(fd, chunk, sizeof chunk); n > 0; n = read(fd, chunk, sizeof chunk)) {
        text.append(chunk, static_cast<std::size_t>(n));
      }
    }
  }
  close(fd);
  const std::size_t body = text.find("\r\n\r\n");
  return body == std::string::npos ? std::string() : text.substr(body + 4);
}

// Lines as format_series() writes them; labels without a value are no labels.
Readings parse_exposition(const std::string& text) {
  static const std::regex empty_label(R"([a-z_]+="",?)");
  Readings out;
  for (const auto line : split_lines(text)) {
    const std::size_t blank = line.rfind(' ');
    if (line.starts_with('#') || blank == std::string_view::npos) continue;
    std::string series = std::regex_replace(std::string(line.substr(0, blank)), empty_label, "");
    if (series.ends_with(",}")) series.replace(series.size() - 2, 2, "}");
    if (series.ends_with("{}")) series.resize(series.size() - 2);
    if (const auto value = parse_double(line.substr(blank + 1))) out[series] = *value;
  }
  return out;
}

Readings ours(const Host& host) {
  Batch out;
  for (const char* name : {"cpu", "memory", "load", "disk", "filesystem", "network", "pressure",
                           "thermal", "hwmon", "uname", "boottime"}) {
    for (const auto& spec : collector_registry()) {
      if (spec.name != name) continue;
      const auto collector = spec.make(host, spec.defaults);
      const Status status = collector->collect(out);
      INFO(name << (status.ok() ? "" : ": " + status.error().message));
      CHECK((status.ok() || status.error().code == ErrorCode::no_data));
    }
  }
  Readings readings;
  for (const auto& sample : out.samples()) {
    const std::string key = format_series(sample.series);
    INFO(key);
    CHECK(readings.emplace(key, sample.value).second);
  }
  return readings;
}

std::string name_of(const std::string& series) { return series.substr(0, series.find('{')); }

bool same(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

// A started node_exporter, or none when this machine does not have it.
class Exporter {
 public:
  explicit Exporter(const std::vector<std::string>& extra) {
    std::vector<std::string> argv = {
        exporter_program,
        concat("--web.listen-address=127.0.0.1:", port_),
        "--no-collector.netdev.netlink",
        "--no-collector.systemd",
        "--collector.netdev.device-exclude=^(veth.*|[a-f0-9]{15})$",
        "--collector.netclass.ignored-devices=^(veth.*|[a-f0-9]{15})$",
        "--collector.diskstats.device-exclude="
        "^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p|mmcblk\\d+p)\\d+$",
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/docker/.+|"
        "var/lib/containers/storage/.+|var/lib/kubelet/pods/.+|var/lib/edged/pods/.+|"
        "var/lib/containerd/.+)($|/)",
        "--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|"
        "debugfs|"
        "devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|"
        "rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs|nfs4?|cifs|9p|fuse|fuse\\..*)$"};
    argv.insert(argv.end(), extra.begin(), extra.end());
    child_ = std::make_unique<test::ChildProcess>(argv, dir_.file("log"));
    const bool answers = test::eventually(
        [this] { return fetch(port_).find("node_uname_info") != std::string::npos; },
        std::chrono::seconds(30));
    INFO(child_->output());
    REQUIRE(answers);
  }
  [[nodiscard]] Readings read() const { return parse_exposition(fetch(port_)); }

 private:
  test::TempDir dir_;
  int port_ = test::free_port();
  std::unique_ptr<test::ChildProcess> child_;
};

// Series that node_exporter takes from the running kernel whatever its --path options say, and the
// exact differences that collectors/README.md names.
bool is_of_the_machine(const std::string& name) {
  return name == "node_uname_info" || name == "node_time_seconds" ||
         name.starts_with("node_timex_") || name.starts_with("node_os_") ||
         name.starts_with("node_filesystem_");
}

bool exporter_is_installed() {
  return test::ChildProcess({"sh", "-c", concat("command -v ", exporter_program)}, "/dev/null")
             .wait() == 0;
}

}  // namespace

TEST_CASE("node_exporter: on the same tree of files, the same series with the same values") {
  if (!exporter_is_installed()) {
    WARN("prometheus-node-exporter is not installed: nothing compared");
    return;
  }
  const std::string root = test::fixture("host").string();
  const Exporter exporter({"--path.procfs=" + root + "/proc", "--path.sysfs=" + root + "/sys",
                           "--path.rootfs=" + root});
  const Readings theirs = exporter.read();
  const Readings mine = ours(Host(root));
  // 1.5 does not know this one yet; later versions do.
  std::set<std::string> names = {"node_pressure_irq_stalled_seconds_total"};
  std::size_t compared = 0;
  for (const auto& [series, value] : mine) {
    names.insert(name_of(series));
    if (is_of_the_machine(name_of(series)) || series == *names.begin()) continue;
    if (series.starts_with("node_pressure_irq")) continue;
    INFO(series);
    const auto it = theirs.find(series);
    CHECK(it != theirs.end());
    if (it == theirs.end()) continue;
    CHECK(same(value, it->second));
    ++compared;
  }
  CHECK(compared > 300);
  // Whatever name we have, we have it for the same things.
  for (const auto& [series, value] : theirs) {
    if (names.count(name_of(series)) == 0 || is_of_the_machine(name_of(series))) continue;
    INFO(series << " " << value);
    CHECK(mine.count(series) == 1);
  }
}

TEST_CASE("node_exporter: on this machine, the same series, and values that fit in time") {
  if (!exporter_is_installed()) {
    WARN("prometheus-node-exporter is not installed: nothing compared");
    return;
  }
  const Exporter exporter({});
  const Host host;
  const Readings before = ours(host);
  const Readings theirs = exporter.read();
  const Readings after = ours(host);
  std::set<std::string> names;
  std::size_t compared = 0;
  for (const auto& [series, low] : before) {
    names.insert(name_of(series));
    if (series.starts_with("node_pressure_irq")) continue;
    const auto it = theirs.find(series);
    const auto later = after.find(series);
    if (later == after.end()) continue;  // an interface that went
    INFO(series);
    CHECK(it != theirs.end());
    if (it == theirs.end()) continue;
    ++compared;
    const bool only_grows = name_of(series).ends_with("_total");
    if (only_grows) {
      CHECK(it->second >= low - 1e-6 * std::abs(low));
      CHECK(it->second <= later->second + 1e-6 * std::abs(later->second));
    } else if (same(low, later->second) && low != 0 && !series.starts_with("node_netstat") &&
               !series.starts_with("node_sockstat") && !series.starts_with("node_procs")) {
      // Did not move while it was read twice: a third reading in between is near it.
      CHECK(std::abs(it->second - low) <= 0.25 * std::abs(low) + 1);
    }
  }
  CHECK(compared > 150);
  for (const auto& [series, value] : theirs) {
    if (names.count(name_of(series)) == 0) continue;
    INFO(series << " " << value);
    // A driver that does not know its speed: theirs is negative, ours absent.
    const bool unknown_speed = series.starts_with("node_network_speed_bytes") && value < 0;
    CHECK((before.count(series) == 1 || after.count(series) == 1 || unknown_speed));
  }
}

TEST_CASE("node_exporter: every name that the dashboards need and this machine has is there") {
  if (!exporter_is_installed()) {
    WARN("prometheus-node-exporter is not installed: nothing compared");
    return;
  }
  static const std::regex needed(
      "node_(uname_info|boot_time_seconds|time_seconds|cpu_(guest_)?seconds_total|load(1|5|15)"
      "|memory_\\w+|filesystem_(size|free|avail)_bytes|filesystem_(files|files_free|readonly)"
      "|network_(receive|transmit)_(bytes|errs|packets|drop)_total|network_(up|speed_bytes)"
      "|disk_(reads|writes)_completed_total|disk_(read|written)_bytes_total"
      "|disk_(io|read|write)_time_seconds_total|disk_io_now|pressure_\\w+|nf_conntrack_entries\\w*"
      "|context_switches_total|intr_total|forks_total|procs_(running|blocked)"
      "|filefd_(allocated|maximum)|cpu_scaling_frequency_hertz|hwmon_(temp_celsius|chip_names)"
      "|thermal_zone_temp|cooling_device_(cur|max)_state|timex_offset_seconds|os_info"
      "|vmstat_(pgfault|pgmajfault|oom_kill)|netstat_Tcp_CurrEstab|sockstat_sockets_used)");
  const Exporter exporter({});
  const Readings theirs = exporter.read();
  const Readings mine = ours(Host());
  std::set<std::string> found;
  for (const auto& [series, value] : theirs) {
    const std::string name = name_of(series);
    if (!std::regex_match(name, needed)) continue;
    if (name == "node_network_speed_bytes" && value < 0) continue;
    INFO(series);
    CHECK(mine.count(series) == 1);
    found.insert(name);
  }
  CHECK(found.size() >= 60);
}
