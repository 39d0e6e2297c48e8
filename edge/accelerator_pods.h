// AcceleratorPods: which containers use which accelerator, for the series
// godwit_accelerator_pod_info{hw_id,hw_type,namespace,pod,container}. Sees the result of each
// collector's run and adds the series to the readings of the accelerator, so that they are of the
// same moment and can be joined. The kubelet's word counts (collector pod_resources); of an
// accelerator that it gave to nobody, or where there is no such kubelet, the containers whose
// processes use it, by /proc/<pid>/cgroup and what the collector pods knows. More:
// collectors/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/host.h"
#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

class AcceleratorPods {
 public:
  // `host` must outlive it.
  explicit AcceleratorPods(const Host& host) : host_(host) {}

  // Takes the series of containers and their devices out of `batch`: they serve only here. To the
  // readings of accelerators adds who uses them, and a staleness marker for each who did and does
  // no more. May read /proc.
  void observe(std::string_view collector, const Status& status, Batch& batch, std::int64_t now_ms);
  // Adds who uses them to readings of other collectors that are told of accelerators, too: the
  // memory that a Jetson's GPU shares, and the driver's Xids. For the tick alone; after observe().
  void join(std::string_view collector, Batch& batch) const;

  static constexpr std::size_t max_accelerators = 64;
  static constexpr std::size_t max_series = 256;

 private:
  struct Process {
    std::string pid, container;  // its id; empty: in none
    std::int64_t read_ms = 0;
  };
  struct Accelerator {
    std::string id, type, source;
    std::string uuid, name, index;  // of GPUs; index of an NPU: its physical number
    std::int64_t seen_ms = 0;
    std::vector<std::string> pids;
    std::vector<Process> processes;  // of `pids`, as far as they were looked up
    std::vector<Series> told;        // who used it in its last readings; sorted by labels
  };
  struct Container {
    std::string id;                // of `containers_`
    std::string resource, device;  // of `devices_`
    Labels labels;                 // namespace, pod, container
  };

  Accelerator* find_or_add(std::string_view collector, const Series& series);
  void take_accelerators(std::string_view collector, const Batch& batch, std::int64_t now_ms);
  void take_containers(bool is_devices, const Status& status, Batch& batch, std::int64_t now_ms);
  static bool is_given(const Accelerator& accelerator, const Container& container);
  void look_up(Accelerator& accelerator, std::int64_t now_ms) const;
  [[nodiscard]] std::vector<Series> users_of(const Accelerator& accelerator,
                                             std::size_t room) const;
  void tell(std::string_view collector, const Status& status, Batch& batch, std::int64_t now_ms);

  const Host& host_;
  std::vector<Accelerator> accelerators_;
  std::vector<Container> devices_, containers_;
  std::int64_t devices_ms_ = 0, containers_ms_ = 0;  // when they were told
};

}  // namespace godwit
