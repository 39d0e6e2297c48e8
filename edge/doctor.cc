#include "edge/doctor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "edge/read_all.h"
#include "transport/latest.h"
#include "transport/text.h"
#include "transport/topics.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;
using Verdict = Finding::Verdict;

constexpr int sync_rounds = 5;
constexpr std::int64_t slow_sync_ms = 500;
constexpr std::int64_t relay_patience_ms = 12'000;  // a relay speaks every 10 s
constexpr std::int64_t believable_difference_ms = 60'000;
constexpr std::int64_t birth_of_godwit_ms = 1'577'836'800'000;  // 2020-01-01

std::string error_text(int error) { return std::generic_category().message(error); }

std::string mebibytes(std::uint64_t bytes) { return concat(bytes >> 20, " MiB"); }

// ----- what the collectors find

Finding judge_reading(const Reading& reading) {
  Finding finding{reading.name, Verdict::good, concat(reading.samples.size(), " readings"), ""};
  if (reading.status) return finding;
  // A collector's own words say where and what to do.
  finding.detail = reading.status.error().message;
  finding.verdict =
      reading.status.error().code == ErrorCode::no_data ? Verdict::missing : Verdict::bad;
  if (finding.verdict == Verdict::bad) {
    finding.remedy =
        concat("if this source is not wanted: collectors.", reading.collector, ".enabled: false");
  }
  return finding;
}

// ----- where readings wait

// Milliseconds of one write that reaches the medium, the median of some.
Result<std::int64_t> time_of_sync(const std::string& folder) {
  const std::string path = concat(folder, "/.godwit-doctor-", getpid());
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    const int error = errno;
    return Error{error == EACCES || error == EROFS ? ErrorCode::permission : ErrorCode::io,
                 error_text(error)};
  }
  std::array<std::int64_t, sync_rounds> times{};
  const std::string block(4096, 'g');
  int error = 0;
  for (auto& time : times) {
    const std::int64_t start_ms = steady_ms();
    const bool wrote =
        write(file.get(), block.data(), block.size()) == static_cast<ssize_t>(block.size());
    if (!wrote || fsync(file.get()) != 0) error = errno;
    time = steady_ms() - start_ms;
  }
  unlink(path.c_str());
  if (error != 0) return Error{ErrorCode::io, error_text(error)};
  std::sort(times.begin(), times.end());
  return times[sync_rounds / 2];
}

Finding examine_spool(const AgentSettings& settings) {
  Finding finding{"buffer", Verdict::good, "", ""};
  if (settings.buffer_path.empty()) {
    finding.verdict = Verdict::doubtful;
    finding.detail = "kept in RAM: a restart loses what was not delivered";
    finding.remedy = "set buffer.path to a file on a disk";
    return finding;
  }
  const fs::path folder = fs::path(settings.buffer_path).parent_path();
  std::error_code error;
  fs::path existing = folder;
  while (!existing.empty() && !fs::exists(existing, error) && existing != existing.root_path()) {
    existing = existing.parent_path();
  }
  const auto sync_ms = time_of_sync(existing.string());
  if (!sync_ms) {
    finding.verdict = Verdict::bad;
    finding.detail = concat(existing.string(), ": ", sync_ms.error().message);
    finding.remedy = concat("make it writable for user ", getuid(), " (chown ", getuid(), ":",
                            getgid(), " ", existing.string(), "), or set buffer.path");
    return finding;
  }
  struct statvfs disk {};
  statvfs(existing.c_str(), &disk);
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  finding.detail = concat(folder.string(), ": writable, ", mebibytes(free_bytes), " free, ",
                          *sync_ms, " ms to sync");
  if (free_bytes < settings.buffer.max_bytes) {
    finding.verdict = Verdict::doubtful;
    finding.remedy = concat("buffer.max_bytes is ", mebibytes(settings.buffer.max_bytes),
                            ": free some space, or set it lower");
  } else if (*sync_ms > slow_sync_ms) {
    finding.verdict = Verdict::doubtful;
    finding.remedy = "the disk is slow or busy; readings are taken all the same";
  }
  return finding;
}

// ----- time

Finding examine_clock(const DoctorOptions& options) {
  const std::int64_t wall_ms = options.clock().wall_ms;
  Finding finding{"clock", Verdict::good, format_utc(wall_ms), ""};
  if (wall_clock_synchronised()) {
    finding.detail += ", synchronised";
    return finding;
  }
  finding.verdict = Verdict::doubtful;
  finding.detail += wall_ms < birth_of_godwit_ms ? ", cannot be right" : ", not synchronised";
  finding.remedy =
      "start an NTP client; until then the time comes from the relay, and TLS may refuse "
      "certificates";
  return finding;
}

// ----- the way to the relay

// What a link tells, for a thread that waits.
class Heard {
 public:
  Link::Handler handler() {
    return [this](LinkEvent&& event) {
      const std::lock_guard lock(mutex_);
      if (event.type == LinkEvent::Type::connected) connected_ = true;
      if (event.type == LinkEvent::Type::disconnected) reason_ = event.reason;
      if (event.type == LinkEvent::Type::message && !event.message.retained) {
        if (auto state = decode_relay_state(event.message.payload)) relay_ = std::move(*state);
      }
      changed_.notify_all();
    };
  }
  bool wait_connected(std::int64_t ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return connected_; });
  }
  std::optional<RelayState> wait_relay(std::int64_t ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return relay_.has_value(); });
    return relay_;
  }
  std::string reason() {
    const std::lock_guard lock(mutex_);
    return reason_.empty() ? "no answer" : reason_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false;  // the three are guarded by mutex_
  std::string reason_;
  std::optional<RelayState> relay_;
};

Finding judge_relay(const std::optional<RelayState>& relay, const DoctorOptions& options) {
  Finding finding{"relay", Verdict::good, "", ""};
  if (!relay) {
    finding.verdict = Verdict::bad;
    finding.detail = "the broker is there, and no relay speaks on godwit/v1/relay";
    finding.remedy =
        "look at godwit-relay in the cloud; does it use this broker, and may this node read that "
        "topic?";
    return finding;
  }
  finding.detail = concat(relay->relay, ", version ", relay->version);
  const std::int64_t difference = std::abs(relay->wall_ms - options.clock().wall_ms);
  if (relay->wall_ms != 0 && difference > believable_difference_ms) {
    finding.verdict = Verdict::doubtful;
    finding.detail += concat(", its clock differs by ", difference / 1000, " s");
    finding.remedy = "one of the two clocks is wrong; see `clock`";
  }
  return finding;
}

void examine_link(const AgentSettings& settings, const DoctorOptions& options,
                  std::vector<Finding>& findings) {
  Finding finding{"link", Verdict::good, "", ""};
  if (!settings.link_enabled) {
    finding.verdict = Verdict::doubtful;
    finding.detail = "mqtt.url is empty: readings stay on this node";
    finding.remedy = "set mqtt.url";
    findings.push_back(std::move(finding));
    return;
  }
  finding.detail = settings.way.describe();
  if (const Status key = check_node_key(settings.way, settings.node); !key) {
    finding.verdict = Verdict::bad;
    finding.detail += concat(": ", key.error().message);
    finding.remedy = "mount the Secret with this node's key there, readable for the agent's user";
    findings.push_back(std::move(finding));
    return;
  }
  // Another client id than the agent's, which a broker would throw out for it.
  WaySettings way = settings.way;
  for (MqttOptions* mqtt : {&way.mqtt, &way.eventbus_external, &way.eventbus_internal}) {
    mqtt->client_id += "-doctor";
  }
  Heard heard;
  const auto link = make_link(way, {settings.node, "doctor", 1, std::nullopt});
  Status started = link->subscribe(topics::relay, Qos::at_most_once);
  if (started) started = link->start(heard.handler());
  if (!started || !heard.wait_connected(options.link_patience_ms)) {
    finding.verdict = Verdict::bad;
    finding.detail += concat(": ", started ? heard.reason() : started.error().message);
    finding.remedy = settings.way.uses_eventbus()
                         ? "are edgecore's eventBus module and its broker up (ports 1883, 1884)?"
                         : "check mqtt.url, mqtt.* and what lies between this node and the broker";
    link->stop(0);
    findings.push_back(std::move(finding));
    return;
  }
  finding.detail += ": connected";
  findings.push_back(std::move(finding));
  // Through EventBus nothing comes unasked.
  if (!settings.way.uses_eventbus()) {
    findings.push_back(judge_relay(heard.wait_relay(relay_patience_ms), options));
  }
  link->stop(0);
}

}  // namespace

std::vector<Finding> examine(const AgentSettings& settings, const DoctorOptions& options) {
  std::vector<Finding> findings;
  const Host host(settings.root);
  findings.push_back({"node", Verdict::good,
                      concat(settings.node, ", user ", getuid(), ", group ", getgid(), ", cgroup v",
                             host.exists("/sys/fs/cgroup/cgroup.controllers") ? 2 : 1),
                      ""});
  findings.push_back(examine_clock(options));
  findings.push_back(examine_spool(settings));
  examine_link(settings, options, findings);
  std::vector<const AgentSettings::Choice*> choices;
  for (const auto& choice : settings.collectors) choices.push_back(&choice);
  for (const auto& reading : read_all(choices, host)) findings.push_back(judge_reading(reading));
  return findings;
}

}  // namespace godwit
