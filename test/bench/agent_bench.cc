// agent_bench [seconds [durability [folder device]]]: what an agent costs that samples 150 series
// at 1 Hz. A child process runs the agent with a collector of synthetic readings (as much memory
// traffic as real ones, no I/O of their own); the parent is the relay behind a real mosquitto, and
// reads /proc/<child>. First connected, then in an outage, `seconds` each (default 60), then the
// backlog is taken. Written bytes are told at three places: what the process handed to the kernel
// and the pages it dirtied (/proc/<child>/io), and, when `folder` is a file system of its own on
// the block device `device`, what reached that: data, metadata and the file system's journal. Not a
// test: it prints figures.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/agent.h"
#include "edge/link_meter.h"
#include "test/edge/fake_relay.h"
#include "test/support/mosquitto.h"
#include "test/support/support.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr int series_count = 150;

// A third constant, a third counters, a third gauges of few decimals: the mix of a real node.
class Synthetic : public Collector {
 public:
  Status collect(Batch& out) override {
    ++tick_;
    for (int i = 0; i < series_count; ++i) {
      const double phase = tick_ * 0.1 + i;
      const double value = i % 3 == 0   ? i
                           : i % 3 == 1 ? tick_ * (100 + i)
                                        : std::round(500 + 200 * std::sin(phase)) / 10;
      out.add("node_load1", {{"device", concat("device-", i)}}, value);
    }
    return {};
  }

 private:
  double tick_ = 0;
};

struct Usage {
  double cpu_s = 0;
  double write_bytes = 0;  // pages
  double wchar = 0;        // write() and the like; no mappings
  double device_bytes = 0;
  double rss = 0, private_bytes = 0;
};

double field(const std::string& text, std::string_view name) {
  for (const auto line : split_lines(text)) {
    if (!line.starts_with(name)) continue;
    return parse_double(split_blanks(line.substr(name.size()))[0]).value_or(0);
  }
  return 0;
}

struct Place {
  Durability durability = Durability::balanced;
  std::string folder;  // empty: a new one
  std::string device;  // as in /sys/block; empty: unknown
};

double device_bytes(const Place& place) {
  if (place.device.empty()) return 0;
  sync();
  const std::string stat = test::read_file(concat("/sys/block/", place.device, "/stat"));
  return parse_double(split_blanks(stat)[6]).value_or(0) * 512;
}

Usage usage_of(pid_t pid, const Place& place) {
  const std::string folder = concat("/proc/", pid, "/");
  Usage usage;
  usage.device_bytes = device_bytes(place);
  const std::string io = test::read_file(folder + "io");
  usage.write_bytes = field(io, "write_bytes:");
  usage.wchar = field(io, "wchar:");
  const std::string smaps = test::read_file(folder + "smaps_rollup");
  usage.rss = field(smaps, "Rss:") * 1024;
  usage.private_bytes = (field(smaps, "Private_Clean:") + field(smaps, "Private_Dirty:")) * 1024;
  // /proc/<pid>/stat counts in steps of 10 ms: of the few there are in a minute, too coarse.
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0) {
    usage.cpu_s = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }
  return usage;
}

[[noreturn]] void run_agent(const std::string& buffer_path, const Place& place,
                            const std::string& url) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  log::start(log::Level::error, log::Format::text);
  CollectorSpec spec;
  spec.name = "synthetic";
  spec.make = [](const Host&, const CollectorSettings&) { return std::make_unique<Synthetic>(); };
  AgentSettings settings;
  settings.node = "bench";
  settings.buffer_path = buffer_path;
  settings.buffer.durability = place.durability;
  settings.max_age_ms = 86'400'000;
  settings.collectors = {{&spec, spec.defaults}};
  (void)parse_mqtt_url(url, settings.way.mqtt);
  settings.way.mqtt.client_id = "bench";
  AgentParts parts;
  parts.clock_synchronised = [] { return true; };
  parts.boot_id = read_boot_id();
  parts.link = make_mqtt_link(settings.way.mqtt);
  Agent agent(std::move(settings), std::move(parts));
  (void)agent.run();
  _exit(0);
}

// Of the agent's own metric, between two moments.
double syncs_per_hour(test::FakeRelay& relay, std::int64_t from_ms, std::int64_t to_ms) {
  const auto& counts = relay.samples["godwit_buffer_syncs_total"];
  const auto first = counts.lower_bound(from_ms);
  auto last = counts.upper_bound(to_ms);
  if (first == counts.end() || last == counts.begin() || --last == counts.begin()) return NAN;
  const auto ms = static_cast<double>(last->first - first->first);
  return ms > 0 ? (last->second - first->second) * 3'600'000 / ms : NAN;
}

struct Phase {
  const char* title = "";
  int seconds = 0;
  std::int64_t from_ms = 0, to_ms = 0;
  Usage before, after;
};

void report(const Phase& phase, const Place& place, double syncs) {
  const double samples = static_cast<double>(phase.seconds) * series_count;
  const Usage& before = phase.before;
  const Usage& after = phase.after;
  std::printf(
      "%-9s %5d s  CPU %.2f ms per 1,000 samples  RSS %.1f MB  private %.1f MB  "
      "written B per sample: %.2f by write(), %.2f in pages",
      phase.title, phase.seconds, (after.cpu_s - before.cpu_s) * 1e6 / samples, after.rss / 1e6,
      after.private_bytes / 1e6, (after.wchar - before.wchar) / samples,
      (after.write_bytes - before.write_bytes) / samples);
  if (!place.device.empty()) {
    std::printf(", %.2f at the device", (after.device_bytes - before.device_bytes) / samples);
  }
  std::printf("  %.0f syncs per hour\n", syncs);
}

int bench(int seconds, const Place& place) {
  const test::TempDir dir;
  test::Mosquitto broker;
  const std::string folder = place.folder.empty() ? dir.path().string() : place.folder;
  // That of a node that has been at work for days: a new meter is stored more often.
  LinkMeter meter(link_meter_path(folder + "/buffer.db"), 1, 0);
  meter.count({.sent_wire_bytes = 400U << 20}, system_clock()().wall_ms);
  const pid_t child = fork();
  if (child == 0) run_agent(folder + "/buffer.db", place, broker.url());
  MqttOptions options;
  (void)parse_mqtt_url(broker.url(), options);
  options.client_id = "relay";
  options.reconnect.max_ms = 1000;
  test::FakeRelay relay(make_mqtt_link(options));
  const auto pass = [&](int for_seconds) {
    const std::int64_t end = steady_ms() + for_seconds * 1000;
    while (steady_ms() < end) relay.step(50);
  };
  const auto watch = [&](const char* title) {
    Phase phase{title, seconds, system_clock()().wall_ms, 0, usage_of(child, place), {}};
    pass(seconds);
    phase.after = usage_of(child, place);
    phase.to_ms = system_clock()().wall_ms;
    return phase;
  };
  pass(20);  // start, schema, first rows
  const Phase connected = watch("connected");
  broker.stop();
  const Phase outage = watch("outage");
  const std::size_t ticks = relay.ticks();
  broker.start();
  const std::int64_t start = steady_ms();
  while (relay.ticks() < ticks + static_cast<std::size_t>(seconds) - 15 &&
         steady_ms() < start + 90'000) {
    relay.step(10);
  }
  for (const Phase& phase : {connected, outage}) {
    report(phase, place, syncs_per_hour(relay, phase.from_ms, phase.to_ms));
  }
  std::printf("backlog of %zu ticks: all there %.2f s after the broker came back\n",
              relay.ticks() - ticks, static_cast<double>(steady_ms() - start) / 1000);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return 0;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  using godwit::Durability;
  godwit::Place place;
  for (const auto known : {Durability::strict, Durability::spare_flash}) {
    if (argc > 2 && argv[2] == godwit::durability_name(known)) place.durability = known;
  }
  if (argc > 4) {
    place.folder = argv[3];
    place.device = argv[4];
  }
  return godwit::bench(argc > 1 ? std::atoi(argv[1]) : 60, place);  // NOLINT(cert-err34-c)
}
