// Accelerators: every GPU and NPU of the node with what the readings last said of it. Fed with the
// result of each collector run; Health judges what is in it. Which series are read: HEALTH.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

enum class AcceleratorType : std::uint8_t { gpu, npu };

// Times are milliseconds since boot.
template <class T>
struct Fact {
  T value{};
  std::int64_t at_ms = 0;
};

struct Accelerator {
  AcceleratorType type = AcceleratorType::gpu;
  std::string id;      // hw_id; empty: a source that never gave one stands for what it should read
  std::string source;  // the collector that gave it
  std::string bus_id;  // PCI address as the kernel logs it, "0000:01:00"; empty: none
  std::int64_t seen_ms = 0;  // last readings; without an id: the first failure
  bool listed = true;        // in the last successful run of its source
  std::optional<Fact<double>> temperature_c;
  std::optional<Fact<double>> memory_ratio;
  std::optional<Fact<std::string>> reported;  // the device's own hw_state
  std::optional<Fact<bool>> throttled;
  struct Xid {
    std::int64_t code = 0;
    double count = 0;
    std::int64_t at_ms = 0;  // when the count was last seen to grow
  };
  std::vector<Xid> xids;  // those that tell of the hardware
  bool has_xid_source = false;
};

// Collectors that read accelerators; Accelerators is interested in these.
bool is_accelerator_source(std::string_view collector);

class Accelerators {
 public:
  // How the last run of a collector that reads accelerators ended.
  struct Source {
    bool ok = false;
    ErrorCode error = ErrorCode::internal;  // when not ok
  };

  // The result of a collector's run. Takes the hw_status series of accelerators out of `batch`:
  // what a device says of itself is only a part of its state. true: the run was of interest.
  bool observe(std::string_view collector, const Status& status, Batch& batch, std::int64_t now_ms);

  [[nodiscard]] const std::vector<Accelerator>& all() const { return all_; }
  // Of an accelerator's source.
  [[nodiscard]] const Source& source(const std::string& name) const { return sources_.at(name); }

 private:
  Accelerator* find(AcceleratorType type, std::string_view id);
  Accelerator* find_or_add(AcceleratorType type, std::string_view id, std::string_view collector);
  // true: the sample tells that an accelerator is there.
  bool name(const Sample& sample, std::string_view collector, std::int64_t now_ms);
  void take(const Sample& sample, std::int64_t now_ms);
  void take_xids(const Batch& batch, std::int64_t now_ms);
  void take_cooling(const Batch& batch, std::int64_t now_ms);
  void take_gpu_sensor(const Batch& batch, std::string_view collector, std::int64_t now_ms);
  void replace_sources(AcceleratorType type, std::string_view by);
  void stand_in(AcceleratorType type, std::string_view collector, std::int64_t now_ms);

  std::vector<Accelerator> all_;  // sorted by type and id
  std::map<std::string, Source, std::less<>> sources_;
};

}  // namespace godwit
