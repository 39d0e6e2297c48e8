#include "edge/collectors/tegra/tegra.h"

#include <cerrno>

#include <sys/socket.h>
#include <sys/un.h>

#include "edge/collectors/jetson_software.h"
#include "edge/collectors/tegra/plan.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::int64_t service_check_ms = 10'000;
constexpr std::int64_t discovery_ms = 60'000;

// True when somebody listens at the socket. Sends nothing and does not wait.
bool service_answers(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return false;
  const int result = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 || errno == EAGAIN;  // EAGAIN: its queue is full, so there is one
}

// Busy share of each core since the last reading.
class CoreUse {
 public:
  void add_to(std::vector<JetsonCore>& cores, std::string_view stat) {
    for (const auto line : split_lines(stat)) {
      if (!line.starts_with("cpu") || line.size() < 4 || line[3] == ' ') continue;
      const auto fields = split_blanks(line);
      const auto number = parse_int<int>(fields[0].substr(3));
      const auto now = parse_ticks(fields);
      if (!number || !now) continue;
      const auto before = last_.find(*number);
      for (auto& core : cores) {
        if (core.index == *number && before != last_.end()) {
          core.utilization_ratio = busy_share(before->second, *now);
        }
      }
      if (before != last_.end() || last_.size() < 256) last_[*number] = *now;
    }
  }

 private:
  struct Ticks {
    std::int64_t idle = 0, all = 0;
  };

  // user nice system idle iowait irq softirq steal; guest time is part of user time.
  static std::optional<Ticks> parse_ticks(const std::vector<std::string_view>& fields) {
    Ticks ticks;
    for (std::size_t i = 1; i < fields.size() && i <= 8; ++i) {
      const auto value = parse_int(fields[i]);
      if (!value) return std::nullopt;
      ticks.all += *value;
      if (i == 4) ticks.idle = *value;
    }
    return ticks;
  }

  static MaybeNumber busy_share(const Ticks& before, const Ticks& now) {
    const std::int64_t all = now.all - before.all;
    const std::int64_t idle = now.idle - before.idle;
    if (all <= 0 || idle < 0 || idle > all) return std::nullopt;
    return rounded(1 - static_cast<double>(idle) / static_cast<double>(all), 1e4);
  }

  std::map<int, Ticks> last_;
};

class Tegra final : public Collector {
 public:
  Tegra(const Host& host, const CollectorSettings& settings) : host_(host), settings_(settings) {}

  Status collect(Batch& out) override {
    const std::int64_t now_ms = host_.now().boot_ms;
    if (is_due(checked_ms_, service_check_ms, now_ms)) {
      service_answers_ = !settings_.socket.empty() && service_answers(host_.path(settings_.socket));
    }
    if (service_answers_) {
      return Error{ErrorCode::no_data, concat(host_.path(settings_.socket),
                                              ": the jtop service answers there, so the jtop "
                                              "collector reads this board")};
    }
    if (is_due(found_ms_, discovery_ms, now_ms)) discover();
    if (!is_tegra_) {
      return Error{ErrorCode::no_data,
                   concat(host_.path("/sys/firmware/devicetree/base/compatible"),
                          ": names no NVIDIA Tegra; in a container on a Jetson, the host's /proc "
                          "and /sys must be mounted")};
    }
    const JetsonReadings readings = read();
    add_jetson_readings(readings, settings_.max_processes, out);
    add_jetson_energy(readings, energy_, now_ms, out);
    return {};
  }

 private:
  static bool is_due(std::optional<std::int64_t>& last_ms, std::int64_t period,
                     std::int64_t now_ms) {
    if (last_ms && now_ms >= *last_ms && now_ms - *last_ms < period) return false;
    last_ms = now_ms;
    return true;
  }

  void discover() {
    plan_ = {};
    find_gpus(host_, plan_);
    const std::string compatible = device_tree("compatible");
    const auto release = host_.read_file("/etc/nv_tegra_release", 16U << 10);
    is_tegra_ =
        plan_.has_gpu || release.ok() || compatible.find("nvidia,tegra") < compatible.size();
    if (!is_tegra_) return;
    plan_.known.board =
        parse_tegra_board(device_tree("model"), compatible, release ? *release : std::string());
    add_software(installed_cuda(host_), plan_.known.board);
    find_cores(host_, plan_);
    find_memory(host_, plan_);
    find_engines(host_, plan_);
    find_temperatures(host_, plan_);
    find_rails(host_, plan_);
    find_fans(host_, plan_);
    find_power_mode(host_, plan_);
  }

  // /proc/device-tree is an absolute link to the first, which leads elsewhere below another root.
  [[nodiscard]] std::string device_tree(std::string_view property) const {
    for (const char* base : {"/sys/firmware/devicetree/base/", "/proc/device-tree/"}) {
      if (auto text = host_.read_file(concat(base, property), 16U << 10)) return *text;
    }
    return {};
  }

  JetsonReadings read() {
    JetsonReadings readings = plan_.known;
    for (const auto& probe : plan_.probes) {
      if (const auto text = host_.read_file(probe.path)) probe.store(readings, trim(*text));
    }
    if (const auto stat = host_.read_file("/proc/stat")) core_use_.add_to(readings.cores, *stat);
    add_power_sums(readings);
    return readings;
  }

  const Host& host_;
  const CollectorSettings settings_;
  std::optional<std::int64_t> checked_ms_, found_ms_;
  bool service_answers_ = false;
  bool is_tegra_ = false;
  TegraPlan plan_;
  CoreUse core_use_;
  EnergyMeter energy_;
};

}  // namespace

std::string tegra_label(std::string_view text) {
  text = trim(text.substr(0, text.find('\0')));
  std::string label = is_utf8(text) ? std::string(text) : quote_for_message(text);
  while (label.size() > 64 || !is_utf8(label)) label.pop_back();
  return label;
}

std::string read_label(const Host& host, std::string_view path) {
  const auto line = host.read_line(path);
  return line ? tegra_label(*line) : std::string();
}

MaybeNumber read_number(const Host& host, std::string_view path, double factor) {
  const auto value = host.read_int(path);
  if (!value) return std::nullopt;
  return in_base_unit(static_cast<double>(*value), factor);
}

std::vector<std::string> names_in(const Host& host, std::string_view folder) {
  auto names = host.list(folder);
  return names ? std::move(*names) : std::vector<std::string>();
}

std::unique_ptr<Collector> make_tegra(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<Tegra>(host, settings);
}

}  // namespace godwit
