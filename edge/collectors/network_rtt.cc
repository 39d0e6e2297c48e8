#include "edge/collectors/network_rtt.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "transport/resolve.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using MonotonicClock = std::chrono::steady_clock;

constexpr std::size_t max_targets = 16;
constexpr int attempts = 3;
constexpr auto address_age = std::chrono::minutes(10);
constexpr std::string_view broker_target = "broker";

// The targets there are: "broker" stands for the address in the settings.
Result<std::vector<RttTarget>> find_targets(const CollectorSettings& settings) {
  std::vector<RttTarget> targets;
  if (settings.targets.size() > max_targets) {
    return Error{ErrorCode::invalid, concat("targets: more than ", max_targets)};
  }
  for (const auto& text : settings.targets) {
    const bool is_broker = text == broker_target;
    if (is_broker && settings.broker.empty()) continue;
    auto target = parse_rtt_target(is_broker ? concat("broker=", settings.broker) : text);
    if (!target) return target.error().with_prefix("targets");
    const auto same = [&](const RttTarget& other) { return other.name == target->name; };
    if (std::any_of(targets.begin(), targets.end(), same)) {
      return Error{ErrorCode::invalid, concat("targets: ", target->name, " is there twice")};
    }
    targets.push_back(std::move(*target));
  }
  return targets;
}

// A connect that has begun; no descriptor: it failed at once.
UniqueFd begin_connect(const Address& address, int port) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_in);
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  const auto number = htons(static_cast<in_port_t>(port));
  if (address.v6) {
    length = sizeof *v6;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = number;
    if (inet_pton(AF_INET6, address.text.c_str(), &v6->sin6_addr) != 1) return {};
  } else {
    v4->sin_family = AF_INET;
    v4->sin_port = number;
    if (inet_pton(AF_INET, address.text.c_str(), &v4->sin_addr) != 1) return {};
  }
  UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return {};
  const int done = connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length);
  return done == 0 || errno == EINPROGRESS ? std::move(fd) : UniqueFd();
}

bool is_connected(const UniqueFd& fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
}

class NetworkRtt final : public Collector {
 public:
  explicit NetworkRtt(const CollectorSettings& settings) : deadline_(settings.deadline) {
    auto targets = find_targets(settings);
    if (!targets) return;  // check_network_rtt() has told
    for (auto& target : *targets) probes_.push_back({std::move(target), {}, {}, {}, {}, 0, 0});
  }

  Status collect(Batch& out) override {
    if (probes_.empty()) return Error{ErrorCode::no_data, "no targets"};
    const auto end = MonotonicClock::now() + deadline_ * 9 / 10;
    for (auto& probe : probes_) find_address(probe, end);
    for (int i = 0; i < attempts; ++i) {
      // What is left of the time is shared by the rounds that are left.
      const auto now = MonotonicClock::now();
      run_round(now + std::max(end - now, MonotonicClock::duration::zero()) / (attempts - i));
    }
    for (auto& probe : probes_) {
      const Labels labels = {{"target", probe.target.name}};
      out.add("godwit_network_loss_ratio", labels,
              static_cast<double>(attempts - probe.connected) / attempts);
      if (probe.connected > 0) {
        out.add("godwit_network_rtt_seconds", labels, probe.seconds / probe.connected);
      } else {
        probe.address.reset();  // the name may mean another one now
      }
    }
    return {};
  }

 private:
  struct Probe {
    RttTarget target;
    std::optional<Address> address;
    MonotonicClock::time_point resolved;
    UniqueFd fd;  // of the connect that is under way
    MonotonicClock::time_point begun;
    int connected = 0;
    double seconds = 0;
  };

  static void find_address(Probe& probe, MonotonicClock::time_point end) {
    probe.connected = 0;
    probe.seconds = 0;
    const auto now = MonotonicClock::now();
    if (now >= end || (probe.address && now - probe.resolved < address_age)) return;
    probe.address.reset();
    auto addresses = resolve(probe.target.host);
    if (!addresses) return;
    probe.address = std::move(addresses->front());
    probe.resolved = now;
  }

  void run_round(MonotonicClock::time_point end) {
    for (auto& probe : probes_) {
      if (!probe.address) continue;
      probe.begun = MonotonicClock::now();
      probe.fd = begin_connect(*probe.address, probe.target.port);
    }
    while (wait_for_one(end)) {
    }
    for (auto& probe : probes_) probe.fd = UniqueFd();
  }

  // Settles the connects that have come to their end; false: none is left, or no time.
  bool wait_for_one(MonotonicClock::time_point end) {
    std::vector<pollfd> items;
    std::vector<Probe*> waiting;
    for (auto& probe : probes_) {
      if (probe.fd.get() < 0) continue;
      items.push_back({probe.fd.get(), POLLOUT, 0});
      waiting.push_back(&probe);
    }
    const auto left = std::chrono::duration_cast<milliseconds>(end - MonotonicClock::now()).count();
    if (items.empty() || left <= 0) return false;
    if (poll(items.data(), items.size(), static_cast<int>(left)) <= 0) return errno == EINTR;
    const auto now = MonotonicClock::now();
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].revents == 0) continue;
      if (is_connected(waiting[i]->fd)) {
        ++waiting[i]->connected;
        waiting[i]->seconds += std::chrono::duration<double>(now - waiting[i]->begun).count();
      }
      waiting[i]->fd = UniqueFd();
    }
    return true;
  }

  const milliseconds deadline_;
  std::vector<Probe> probes_;
};

}  // namespace

Result<RttTarget> parse_rtt_target(std::string_view text) {
  const Error wrong = {
      ErrorCode::invalid,
      concat(quote_for_message(text), ": expected broker, host:port or name=host:port")};
  RttTarget target;
  const std::size_t equals = text.find('=');
  const std::string_view address =
      equals == std::string_view::npos ? text : text.substr(equals + 1);
  target.name = text.substr(0, equals);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = address.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  const auto port = parse_int<int>(address.substr(colon + 1));
  if (host.empty() || !port || *port < 1 || *port > 65535 || target.name.empty() ||
      target.name.size() > 128 || !is_utf8(text)) {
    return wrong;
  }
  target.host = host;
  target.port = *port;
  return target;
}

CollectorSettings network_rtt_defaults() {
  CollectorSettings settings;
  settings.enabled = false;  // the link's meter does not see what it costs
  settings.interval = std::chrono::seconds(60);
  settings.deadline = std::chrono::seconds(6);
  settings.targets = {std::string(broker_target)};
  return settings;
}

Status check_network_rtt(const CollectorSettings& settings) {
  const auto targets = find_targets(settings);
  return targets ? Status() : Status(targets.error());
}

std::unique_ptr<Collector> make_network_rtt(const Host& /*host*/,
                                            const CollectorSettings& settings) {
  return std::make_unique<NetworkRtt>(settings);
}

}  // namespace godwit
