// Name set `jetson`: the jetson_* series of jetson-stats-grafana-dashboard and its many copies
// (dashboard "NVIDIA Jetson"; memory in kB, disk in GB of 2^30 bytes, power in mW of this moment).
// The dashboard turns each series' one label into a column, so that no label beside it, job and
// instance may be there. A rail or sensor that a board lacks has no sample (it was 0).
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

constexpr double percent = 100;
constexpr double milliwatts = 1000;
constexpr double kilobytes = 1.0 / 1024;
constexpr double gigabytes = 1.0 / (1 << 30);

constexpr std::string_view watts = "hw_power_watts";
constexpr std::string_view celsius = "hw_temperature_celsius";
constexpr std::string_view busy = "godwit_cpu_utilization_ratio";
constexpr std::string_view time = "node_time_seconds";
constexpr std::string_view boot = "node_boot_time_seconds";
constexpr std::string_view memory = "node_memory_*_bytes";
constexpr std::string_view disk_size = "node_filesystem_size_bytes";
constexpr std::string_view disk_free = "node_filesystem_free_bytes";

// clang-format off
constexpr NameRow rows[] = {
    {"godwit_board_info", "", "jetson_info_board_info", "board_info=info,machine={module/model|unknown},jetpack={jetpack|unknown},l4t={l4t|unknown}"},
    {"godwit_board_info", "", "jetson_info_hardware_info", "board_hw=hardware,type={model|unknown},codename={codename|unknown},soc={soc|unknown},chip_id={soc|unknown},module={p_number|unknown},board={part_number|unknown},cuda_arch_bin={cuda_arch_bin|unknown},serial_number=unknown"},
    {"godwit_nvpmodel_info", "mode!=", "jetson_nvpmode_info", "nvpmode=mode,mode={mode}"},
    {time, "", "jetson_uptime", "uptime=days", 1, How::days, boot},
    {time, "", "jetson_uptime", "uptime=hours", 1, How::hours, boot},
    {time, "", "jetson_uptime", "uptime=minutes", 1, How::minutes, boot},
    {busy, "cpu=0|1|2|3|4|5|6|7", "jetson_usage_cpu", "cpu=cpu_{cpu|next}", percent, How::whole_or_zero, busy},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_1", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_2", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_3", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_4", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_5", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_6", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_7", 1, How::zero},
    {busy, "", "jetson_usage_cpu", "cpu=cpu_8", 1, How::zero},
    {"hw_gpu_utilization_ratio", "hw_type=gpu", "jetson_usage_gpu", "gpu=val", percent},
    {"hw_fan_speed_ratio", "", "jetson_usage_fan", "fan=speed", percent},
    {celsius, "hw_type=temperature hw_id=ao|gpu|tdiode|aux|cpu|thermal|tboard|soc*|tj", "jetson_temperatures", "temperature={hw_id|lower}"},
    {celsius, "hw_type=gpu", "jetson_temperatures", "temperature=gpu"},
    {memory, "__name__=node_memory_MemTotal_bytes", "jetson_usage_ram", "ram=used", kilobytes, How::difference, memory, "__name__=node_memory_MemFree_bytes|node_memory_Buffers_bytes|node_memory_Cached_bytes|node_memory_SReclaimable_bytes"},
    {"hw_gpu_memory_usage_bytes", "hw_type=gpu", "jetson_usage_ram", "ram=shared", kilobytes},
    {"node_memory_SwapTotal_bytes", "", "jetson_usage_swap", "swap=used", kilobytes, How::difference, "node_memory_SwapFree_bytes"},
    {"node_memory_SwapTotal_bytes", "", "jetson_usage_swap", "swap=total", kilobytes},
    {disk_size, "mountpoint=/", "jetson_usage_disk", "disk=total", gigabytes},
    {disk_size, "mountpoint=/", "jetson_usage_disk", "disk=used", gigabytes, How::difference, disk_free, "mountpoint=/"},
    {disk_free, "mountpoint=/", "jetson_usage_disk", "disk=available", gigabytes},
    {"node_filesystem_avail_bytes", "mountpoint=/", "jetson_usage_disk", "disk=available_no_root", gigabytes},
    // The rail that holds the unit and least besides.
    {watts, "hw_id=GPU|VDD_GPU|POM_5V_GPU|VDD_SYS_GPU", "jetson_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=VDD_GPU_SOC", "jetson_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=VDD_CPU_GPU_CV", "jetson_usage_power", "power=gpu", milliwatts},
    {watts, "hw_type=gpu", "jetson_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=CPU|VDD_CPU|POM_5V_CPU|VDD_SYS_CPU", "jetson_usage_power", "power=cpu", milliwatts},
    {watts, "hw_id=VDD_CPU_CV|VDD_CPU_SOC_MSS", "jetson_usage_power", "power=cpu", milliwatts},
    {watts, "hw_id=CV|VDD_CV", "jetson_usage_power", "power=cv", milliwatts},
    {watts, "hw_id=SOC|VDD_SOC|VDD_SYS_SOC", "jetson_usage_power", "power=soc", milliwatts},
    {watts, "hw_id=SYS5V|VIN_SYS_5V0", "jetson_usage_power", "power=sys5v", milliwatts},
    {watts, "hw_id=VDDRQ|VDD_SYS_DDR|VDDQ_VDD2_1V8AO", "jetson_usage_power", "power=vddrq", milliwatts},
};
// clang-format on

}  // namespace

const NameSet jetson_names = {
    .name = "jetson", .job = "jetson-exporter", .only_with = "godwit_board_info", .rows = rows};

}  // namespace godwit
