// Name set `jetson_gpu`: the gpu_* series of the Python exporter for jtop that KubeSphere's GPU
// pages were built on (prometheus_client on port 9998). Same names, labels and units, with these
// faults of that exporter mended: sensors and rails are found whatever the board calls them (it
// knew the AGX Orin's rails and JetPack 5's sensors), a rail or sensor that a board lacks has no
// sample instead of 0, soc* and tj are there, and a process has no label that changes with every
// reading (cpu, memory, gpu_memory, priority, state: each change was a new series). The serial
// number is never published.
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

constexpr double percent = 100;
constexpr double milliwatts = 1000;

constexpr std::string_view watts = "hw_power_watts";
constexpr std::string_view celsius = "hw_temperature_celsius";
constexpr std::string_view busy = "godwit_cpu_utilization_ratio";
constexpr std::string_view time = "node_time_seconds";
constexpr std::string_view boot = "node_boot_time_seconds";

// clang-format off
constexpr NameRow rows[] = {
    {"godwit_board_info", "", "gpu_info_board_info", "board_info=info,machine={module/model|unknown},jetpack={jetpack|unknown},l4t={l4t|unknown}"},
    {"godwit_board_info", "", "gpu_info_hardware_info", "board_hw=hardware,codename={codename|unknown},soc={soc|unknown},module={p_number|unknown},board={part_number|unknown},cuda_arch_bin={cuda_arch_bin|unknown},serial_number=unknown"},
    {"godwit_nvpmodel_info", "mode!=", "gpu_nvpmode_info", "nvpmode=mode,mode={mode}"},
    {time, "", "gpu_uptime", "uptime=days", 1, How::days, boot},
    {time, "", "gpu_uptime", "uptime=hours", 1, How::hours, boot},
    {time, "", "gpu_uptime", "uptime=minutes", 1, How::minutes, boot},
    // Always eight, whole percent; a core that is off or not there is 0.
    {busy, "cpu=0|1|2|3|4|5|6|7", "gpu_usage_cpu", "cpu=cpu_{cpu|next}", percent, How::whole_or_zero, busy},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_1", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_2", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_3", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_4", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_5", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_6", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_7", 1, How::zero},
    {busy, "", "gpu_usage_cpu", "cpu=cpu_8", 1, How::zero},
    {"hw_gpu_utilization_ratio", "hw_type=gpu", "gpu_usage_gpu", "gpu=val", percent},
    {"hw_fan_speed_ratio", "", "gpu_usage_fan", "fan=speed", percent},
    {celsius, "hw_type=temperature hw_id=ao|gpu|tdiode|aux|cpu|thermal|tboard|soc*|tj", "gpu_temperatures", "temperature={hw_id|lower}"},
    {celsius, "hw_type=gpu", "gpu_temperatures", "temperature=gpu"},
    // The rail that holds the unit and least besides; a rail that holds both GPU and CV is the GPU's.
    {watts, "hw_id=GPU|VDD_GPU|POM_5V_GPU|VDD_SYS_GPU", "gpu_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=VDD_GPU_SOC", "gpu_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=VDD_CPU_GPU_CV", "gpu_usage_power", "power=gpu", milliwatts},
    {watts, "hw_type=gpu", "gpu_usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=CV|VDD_CV", "gpu_usage_power", "power=cv", milliwatts},
    {watts, "hw_id=VDD_CPU_CV", "gpu_usage_power", "power=cv", milliwatts},
    {watts, "hw_id=SYS5V|VIN_SYS_5V0", "gpu_usage_power", "power=sys5v", milliwatts},
    {watts, "hw_id=SOC|VDD_SOC|VDD_SYS_SOC", "gpu_usage_power", "power=soc", milliwatts},
    {"godwit_accelerator_process_memory_bytes", "hw_type=gpu", "gpu_processes_info", "process=info,pid={pid},user={user},gpu=I,type={type},name={process}", 1, How::count},
};
// clang-format on

}  // namespace

const NameSet jetson_gpu_names = {.name = "jetson_gpu",
                                  .job = "jetson-exporter",
                                  .own_pod = true,
                                  .only_with = "godwit_board_info",
                                  .rows = rows};

}  // namespace godwit
