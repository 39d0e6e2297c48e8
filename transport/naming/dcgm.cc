// Name set `dcgm`: the DCGM_FI_DEV_* series of NVIDIA's dcgm-exporter (port 9400), for discrete
// GPUs that nvidia-smi reads and for Jetsons, which DCGM does not know. Units as there: MHz,
// percent, MiB, mJ, ns. What has no source makes no series (PROF_*, NVLINK_*, PCIE_REPLAY_COUNTER;
// on a Jetson also ENC_UTIL, DEC_UTIL, XID_ERRORS, ECC and row remapping), and DCGM's sentinels for
// "no value" are none of the readings (edge/collectors/nvidia_smi/query.h).
//
// A Jetson's GPU is gpu="0"; its power and energy are those of the narrowest rail that feeds it,
// never of the board, and FB_* are the memory that it shares with the CPU (memory="unified"). Its
// UUID is made of the node's name: the serial number is never published.
//
// namespace, pod and container are those of the pod that uses the GPU (of the first, where several
// share it), as dcgm-exporter has them. `dcgm_hostname` differs in one label: `hostname`, as
// dcgm-exporter writes it since May 2026, instead of `Hostname`.
#include <algorithm>
#include <array>

#include "transport/naming/jetson_rows.h"
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

using namespace jetson;

constexpr double mebibytes = 1.0 / (1 << 20);
constexpr double megahertz = 1e-6;
constexpr double millijoules = 1e3;
constexpr double nanoseconds = 1e9;

constexpr std::string_view used = "hw_gpu_memory_usage_bytes";
constexpr std::string_view limit = "hw_gpu_memory_limit_bytes";
constexpr std::string_view joules = "hw_energy_joules_total";
constexpr std::string_view clock_rate = "godwit_clock_hertz";
constexpr std::string_view clock_limit = "godwit_clock_limit_hertz";
constexpr std::string_view engine = "godwit_engine_utilization_ratio";
constexpr std::string_view throttled = "godwit_clock_throttled_seconds_total";
constexpr std::string_view errors = "hw_errors_total";
constexpr std::string_view discrete = "hw_type=gpu hw_vendor=NVIDIA";
constexpr std::string_view unified = "memory=unified";

// On a Jetson every series has the labels of its one GPU besides its own.
// clang-format off
constexpr NameRow rows[] = {
    {"hw_gpu_utilization_ratio", "hw_type=gpu", "GPU_UTIL", "", percent},
    {"godwit_memory_controller_utilization_ratio", "", "MEM_COPY_UTIL", "", percent},
    {engine, "hw_type=gpu engine=encoder", "ENC_UTIL", "", percent},
    {engine, "hw_type=gpu engine=decoder", "DEC_UTIL", "", percent},
    {clock_rate, "hw_type=gpu", "SM_CLOCK", "", megahertz},
    {clock_rate, "hw_type=memory", "MEM_CLOCK", "", megahertz},
    {clock_limit, "hw_type=gpu limit=max", "MAX_SM_CLOCK", "", megahertz},
    {clock_limit, "hw_type=memory limit=max", "MAX_MEM_CLOCK", "", megahertz},
    {celsius, "hw_type=gpu", "GPU_TEMP", ""},
    {celsius, "hw_type=temperature hw_id=gpu", "GPU_TEMP", ""},
    {celsius, "hw_type=memory", "MEMORY_TEMP", ""},
    {watts, discrete, "POWER_USAGE", ""},
    {watts, gpu_rail, "POWER_USAGE", ""},
    {watts, gpu_soc_rail, "POWER_USAGE", ""},
    {watts, cpu_gpu_rail, "POWER_USAGE", ""},
    {watts, "hw_type=gpu", "POWER_USAGE", ""},
    {joules, discrete, "TOTAL_ENERGY_CONSUMPTION", "", millijoules},
    {joules, gpu_rail, "TOTAL_ENERGY_CONSUMPTION", "", millijoules},
    {joules, gpu_soc_rail, "TOTAL_ENERGY_CONSUMPTION", "", millijoules},
    {joules, cpu_gpu_rail, "TOTAL_ENERGY_CONSUMPTION", "", millijoules},
    {joules, "hw_type=gpu", "TOTAL_ENERGY_CONSUMPTION", "", millijoules},
    {"godwit_power_limit_watts", "hw_type=gpu", "ENFORCED_POWER_LIMIT", ""},
    {used, discrete, "FB_USED", "", mebibytes},
    {"godwit_gpu_memory_free_bytes", "hw_type=gpu", "FB_FREE", "", mebibytes},
    {"godwit_gpu_memory_reserved_bytes", "hw_type=gpu", "FB_RESERVED", "", mebibytes},
    {limit, discrete, "FB_TOTAL", "", mebibytes},
    {used, "hw_type=gpu hw_vendor=", "FB_USED", unified, mebibytes},
    {"node_memory_MemAvailable_bytes", "hw_type=gpu", "FB_FREE", unified, mebibytes},
    {"node_memory_MemTotal_bytes", "hw_type=gpu", "FB_TOTAL", unified, mebibytes},
    {"hw_fan_speed_ratio", "", "FAN_SPEED", "", percent},
    {"godwit_clock_event_reasons", "", "CLOCKS_EVENT_REASONS", ""},
    {"godwit_clock_event_reasons", "", "CLOCK_THROTTLE_REASONS", ""},
    {throttled, "reason=sw_power_cap", "POWER_VIOLATION", "", nanoseconds},
    {throttled, "reason=sw_thermal_slowdown|hw_thermal_slowdown", "THERMAL_VIOLATION", "", nanoseconds, How::sum},
    {throttled, "reason=sync_boost", "SYNC_BOOST_VIOLATION", "", nanoseconds},
    {throttled, "reason=sw_power_cap", "CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", "", nanoseconds},
    {throttled, "reason=sync_boost", "CLOCKS_EVENT_REASON_SYNC_BOOST_NS", "", nanoseconds},
    {throttled, "reason=sw_thermal_slowdown", "CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS", "", nanoseconds},
    {throttled, "reason=hw_thermal_slowdown", "CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", "", nanoseconds},
    {throttled, "reason=hw_power_brake_slowdown", "CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", "", nanoseconds},
    {errors, "error_type=ecc_corrected_volatile", "ECC_SBE_VOL_TOTAL", ""},
    {errors, "error_type=ecc_uncorrected_volatile", "ECC_DBE_VOL_TOTAL", ""},
    {errors, "error_type=ecc_corrected_aggregate", "ECC_SBE_AGG_TOTAL", ""},
    {errors, "error_type=ecc_uncorrected_aggregate", "ECC_DBE_AGG_TOTAL", ""},
    {errors, "error_type=retired_page_single_bit", "RETIRED_SBE", ""},
    {errors, "error_type=retired_page_double_bit", "RETIRED_DBE", ""},
    {errors, "error_type=row_remap_correctable", "CORRECTABLE_REMAPPED_ROWS", ""},
    {errors, "error_type=row_remap_uncorrectable", "UNCORRECTABLE_REMAPPED_ROWS", ""},
    {"godwit_gpu_row_remap_pending", "", "ROW_REMAP_PENDING", ""},
    {"godwit_gpu_row_remap_failure", "", "ROW_REMAP_FAILURE", ""},
    {"godwit_gpu_last_xid", "", "XID_ERRORS", "err_code={xid}"},
};
// clang-format on
constexpr NameJoin joins[] = {
    {.metric = "hw_gpu_info", .on = "hw_id", .any_with = "godwit_board_info"},
    {.metric = "godwit_board_info", .on = ""},
    {.metric = "godwit_accelerator_pod_info",
     .on = "hw_id",
     .live = true,
     .any_with = "godwit_board_info"},
};

constexpr std::string_view labels =
    "Hostname={@node},gpu={index|0},UUID={uuid/hw_bus_id},UUID=tegra-{@node},"
    "pci_bus_id={hw_bus_id},device=nvidia{index|0},modelName={hw_model/module/model},"
    "DCGM_FI_DRIVER_VERSION={hw_driver_version/l4t},"
    "namespace={namespace},pod={pod},container={container}";
constexpr auto hostname_labels = [] {
  std::array<char, labels.size()> text{};
  std::copy(labels.begin(), labels.end(), text.begin());
  text.front() = 'h';
  return text;
}();

constexpr NameSet dcgm(std::string_view name, std::string_view its_labels) {
  return {.name = name,
          .job = "dcgm-exporter",
          .only_with = "hw_gpu_info",
          .labels = its_labels,
          .prefix = "DCGM_FI_DEV_",
          .joins = joins,
          .rows = rows};
}

}  // namespace

const NameSet dcgm_names = dcgm("dcgm", labels);
const NameSet dcgm_hostname_names =
    dcgm("dcgm_hostname", {hostname_labels.data(), hostname_labels.size()});

}  // namespace godwit
