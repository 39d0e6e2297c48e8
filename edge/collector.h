// Collector: the seam to add a source of readings. One file (or folder) in collectors/, one line in
// registry.cc, one row in collectors/README.md, one test with a fixture.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/host.h"
#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

class Collector {
 public:
  virtual ~Collector() = default;

  // Adds this moment's samples to `out`. Samples added before a failure are kept, so a collector
  // that can read half of its source adds that half and returns the Error for the rest.
  // ErrorCode::no_data: the source does not exist on this node, which is no fault; the message says
  // what was looked for and what to do if it should be there.
  // Runs on one thread only, never twice at once: the agent's own when the spec says `quick`, else
  // the collector's own. A quick one must not block beyond reading local files. It never knows how
  // often it runs, who listens, or what became of the last value.
  virtual Status collect(Batch& out) = 0;
};

// An HTTP exporter on this node.
struct ScrapeTarget {
  std::string name;                     // of a-z0-9_
  std::string url;                      // as parse_http_url() of edge/http_get.h takes it
  std::vector<std::string> keep, drop;  // shell patterns on metric names; no keep: all are kept
  Labels labels;                        // for all its series
};

// Settings of one collector, as finalised from `collectors.<name>.*`.
struct CollectorSettings {
  bool enabled = true;
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds deadline{1000};
  std::string socket;                     // jtop, tegra: path of the service's socket
  std::string command;                    // npu_smi, nvidia_smi: program to run
  std::string url = {};                   // pods: the server to ask
  std::vector<std::string> targets = {};  // network_rtt
  std::string node = {};                  // name of this node
  std::string broker = {};                // "host:port"; empty: readings do not go to a broker
  std::size_t max_processes = 10;  // largest processes to report, where a collector reports them
  std::vector<std::string> directories = {};  // textfile
  ScrapeTarget target = {};                   // scrape: one collector per target
  std::size_t max_series = 0;                 // scrape, textfile: different ones within an hour
};

struct CollectorSpec {
  std::string_view name;
  std::string_view source;  // what it reads, for people: "/proc/stat"
  bool quick = true;        // runs on the agent's thread; false: on a thread of its own
  CollectorSettings defaults;
  std::function<std::unique_ptr<Collector>(const Host&, const CollectorSettings&)> make;
  // What is wrong with settings that the table of keys cannot judge. None: nothing can be.
  std::function<Status(const CollectorSettings&)> check = {};
};

// What the collector is called in metrics and to people: "cpu", "scrape_<target>".
std::string collector_name(const CollectorSpec& spec, const CollectorSettings& settings);

// Every collector that exists, in the order in which `once` prints them. A test compares this list
// with the folder and with collectors/README.md.
const std::vector<CollectorSpec>& collector_registry();

}  // namespace godwit
