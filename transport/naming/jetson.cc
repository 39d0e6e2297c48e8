// Name set `jetson`: the jetson_* series of jetson-stats-grafana-dashboard and its many copies
// (dashboard "NVIDIA Jetson"; memory in kB, disk in GB of 2^30 bytes, power in mW of this moment).
// The dashboard turns each series' one label into a column, so that no label beside it, job and
// instance may be there. A rail or sensor that a board lacks has no sample (it was 0).
#include "transport/naming/jetson_rows.h"
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

using namespace jetson;

constexpr double kilobytes = 1.0 / 1024;
constexpr double gigabytes = 1.0 / (1 << 30);
constexpr std::string_view memory = "node_memory_*_bytes";
constexpr std::string_view disk_size = "node_filesystem_size_bytes";
constexpr std::string_view disk_free = "node_filesystem_free_bytes";

// clang-format off
constexpr NameRow rows[] = {
    {"godwit_board_info", "", "info_hardware_info", "board_hw=hardware,type={model|unknown},codename={codename|unknown},soc={soc|unknown},chip_id={soc|unknown},module={p_number|unknown},board={part_number|unknown},cuda_arch_bin={cuda_arch_bin|unknown},serial_number=unknown"},
    {memory, "__name__=node_memory_MemTotal_bytes", "usage_ram", "ram=used", kilobytes, How::difference, memory, "__name__=node_memory_MemFree_bytes|node_memory_Buffers_bytes|node_memory_Cached_bytes|node_memory_SReclaimable_bytes"},
    {"hw_gpu_memory_usage_bytes", "hw_type=gpu", "usage_ram", "ram=shared", kilobytes},
    {"node_memory_SwapTotal_bytes", "", "usage_swap", "swap=used", kilobytes, How::difference, "node_memory_SwapFree_bytes"},
    {"node_memory_SwapTotal_bytes", "", "usage_swap", "swap=total", kilobytes},
    {disk_size, "mountpoint=/", "usage_disk", "disk=total", gigabytes},
    {disk_size, "mountpoint=/", "usage_disk", "disk=used", gigabytes, How::difference, disk_free, "mountpoint=/"},
    {disk_free, "mountpoint=/", "usage_disk", "disk=available", gigabytes},
    {"node_filesystem_avail_bytes", "mountpoint=/", "usage_disk", "disk=available_no_root", gigabytes},
    {watts, "hw_id=CPU|VDD_CPU|POM_5V_CPU|VDD_SYS_CPU", "usage_power", "power=cpu", milliwatts},
    {watts, "hw_id=VDD_CPU_CV|VDD_CPU_SOC_MSS", "usage_power", "power=cpu", milliwatts},
    {watts, "hw_id=VDDRQ|VDD_SYS_DDR|VDDQ_VDD2_1V8AO", "usage_power", "power=vddrq", milliwatts},
};
// clang-format on

}  // namespace

const NameSet jetson_names = {.name = "jetson",
                              .job = "jetson-exporter",
                              .only_with = "godwit_board_info",
                              .prefix = "jetson_",
                              .common = common_rows,
                              .rows = rows};

}  // namespace godwit
