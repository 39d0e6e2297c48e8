// agent_bench [seconds]: what an agent costs that samples 150 series at 1 Hz. A child process runs
// the agent with a collector of synthetic readings (as much memory traffic as real ones, no I/O of
// their own); the parent is the relay behind a real mosquitto, and reads /proc/<child>. First
// connected, then in an outage, `seconds` each (default 60), then the backlog is taken.
// write_bytes is what the kernel counts as dirtied pages of the process: file data and no journal
// of the file system. Not a test: it prints figures.
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
  double write_bytes = 0;
  double rss = 0, private_bytes = 0;
};

double field(const std::string& text, std::string_view name) {
  for (const auto line : split_lines(text)) {
    if (!line.starts_with(name)) continue;
    return parse_double(split_blanks(line.substr(name.size()))[0]).value_or(0);
  }
  return 0;
}

Usage usage_of(pid_t pid) {
  const std::string folder = concat("/proc/", pid, "/");
  Usage usage;
  usage.write_bytes = field(test::read_file(folder + "io"), "write_bytes:");
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

[[noreturn]] void run_agent(const std::string& buffer_path, const std::string& url) {
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

void report(const char* title, const Usage& before, const Usage& after, int seconds) {
  const double samples = static_cast<double>(seconds) * series_count;
  std::printf(
      "%-10s %6d s  CPU %.2f ms per 1,000 samples  written %.1f B per sample  "
      "RSS %.1f MB  private %.1f MB\n",
      title, seconds, (after.cpu_s - before.cpu_s) * 1e6 / samples,
      (after.write_bytes - before.write_bytes) / samples, after.rss / 1e6,
      after.private_bytes / 1e6);
}

int bench(int seconds) {
  const test::TempDir dir;
  test::Mosquitto broker;
  const pid_t child = fork();
  if (child == 0) run_agent(dir.file("buffer.db"), broker.url());
  MqttOptions options;
  (void)parse_mqtt_url(broker.url(), options);
  options.client_id = "relay";
  options.reconnect.max_ms = 1000;
  test::FakeRelay relay(make_mqtt_link(options));
  const auto pass = [&](int for_seconds) {
    const std::int64_t end = steady_ms() + for_seconds * 1000;
    while (steady_ms() < end) relay.step(50);
  };
  pass(15);  // start, schema, first rows
  Usage before = usage_of(child);
  pass(seconds);
  Usage after = usage_of(child);
  report("connected", before, after, seconds);
  broker.stop();
  before = usage_of(child);
  pass(seconds);
  after = usage_of(child);
  report("outage", before, after, seconds);
  const std::size_t ticks = relay.ticks();
  broker.start();
  const std::int64_t start = steady_ms();
  while (relay.ticks() < ticks + static_cast<std::size_t>(seconds) - 15 &&
         steady_ms() < start + 30'000) {
    relay.step(10);
  }
  std::printf("backlog of %zu ticks: all there %.2f s after the broker came back\n",
              relay.ticks() - ticks, static_cast<double>(steady_ms() - start) / 1000);
  report("outage and drain", before, usage_of(child), seconds);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return 0;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  return godwit::bench(argc > 1 ? std::atoi(argv[1]) : 60);  // NOLINT(cert-err34-c)
}
