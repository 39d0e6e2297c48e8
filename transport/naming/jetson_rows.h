// What the name sets of Jetsons have in common: units, canonical names, the rails that feed the
// GPU, and the rows that `jetson` and `jetson_gpu` share but for the prefix (one exporter descends
// from the other). Included by the tables of those sets alone.
#pragma once

#include <string_view>

#include "transport/naming/name_set.h"

namespace godwit::jetson {

inline constexpr double percent = 100;
inline constexpr double milliwatts = 1000;

inline constexpr std::string_view watts = "hw_power_watts";
inline constexpr std::string_view celsius = "hw_temperature_celsius";
inline constexpr std::string_view busy = "godwit_cpu_utilization_ratio";
inline constexpr std::string_view time = "node_time_seconds";
inline constexpr std::string_view boot = "node_boot_time_seconds";

// Rails of the GPU: its own, then those that it shares, with the SoC (AGX Orin), or with CPU and CV
// (Xavier NX, Orin NX, Orin Nano).
inline constexpr std::string_view gpu_rail = "hw_id=GPU|VDD_GPU|POM_5V_GPU|VDD_SYS_GPU";
inline constexpr std::string_view gpu_soc_rail = "hw_id=VDD_GPU_SOC";
inline constexpr std::string_view cpu_gpu_rail = "hw_id=VDD_CPU_GPU_CV";

// clang-format off
inline constexpr NameRow common_rows[] = {
    {"godwit_board_info", "", "info_board_info", "board_info=info,machine={module/model|unknown},jetpack={jetpack|unknown},l4t={l4t|unknown}"},
    {"godwit_nvpmodel_info", "mode!=", "nvpmode_info", "nvpmode=mode,mode={mode}"},
    {time, "", "uptime", "uptime=days", 1, How::days, boot},
    {time, "", "uptime", "uptime=hours", 1, How::hours, boot},
    {time, "", "uptime", "uptime=minutes", 1, How::minutes, boot},
    // Always eight, whole percent; a core that is off or not there is 0.
    {busy, "cpu=0|1|2|3|4|5|6|7", "usage_cpu", "cpu=cpu_{cpu|next}", percent, How::whole_or_zero, busy},
    {busy, "", "usage_cpu", "cpu=cpu_1", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_2", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_3", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_4", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_5", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_6", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_7", 1, How::zero},
    {busy, "", "usage_cpu", "cpu=cpu_8", 1, How::zero},
    {"hw_gpu_utilization_ratio", "hw_type=gpu", "usage_gpu", "gpu=val", percent},
    {"hw_fan_speed_ratio", "", "usage_fan", "fan=speed", percent},
    {celsius, "hw_type=temperature hw_id=ao|gpu|tdiode|aux|cpu|thermal|tboard|soc*|tj", "temperatures", "temperature={hw_id|lower}"},
    {celsius, "hw_type=gpu", "temperatures", "temperature=gpu"},
    // The rail that holds the unit and least besides; a rail that holds both GPU and CV is the GPU's.
    {watts, gpu_rail, "usage_power", "power=gpu", milliwatts},
    {watts, gpu_soc_rail, "usage_power", "power=gpu", milliwatts},
    {watts, cpu_gpu_rail, "usage_power", "power=gpu", milliwatts},
    {watts, "hw_type=gpu", "usage_power", "power=gpu", milliwatts},
    {watts, "hw_id=CV|VDD_CV", "usage_power", "power=cv", milliwatts},
    {watts, "hw_id=SYS5V|VIN_SYS_5V0", "usage_power", "power=sys5v", milliwatts},
    {watts, "hw_id=SOC|VDD_SOC|VDD_SYS_SOC", "usage_power", "power=soc", milliwatts},
};
// clang-format on

}  // namespace godwit::jetson
