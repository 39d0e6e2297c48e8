// Name set `npu_exporter`: the series of Huawei's npu-exporter (Ascend mind-cluster, port 8082)
// that npu-smi has the readings for. Memory in MB of 2^20 bytes. `id` is the chip's number on the
// node; vdie_id is not known here and left out, as are namespace, pod_name and container_name of a
// chip that no pod uses. Power that npu-smi tells of the card alone is each of its chips' here,
// as there.
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

constexpr double percent = 100;
constexpr double megabytes = 1.0 / (1 << 20);
constexpr double megahertz = 1e-6;

constexpr std::string_view info = "hw_npu_info";
constexpr std::string_view utilization = "hw_npu_utilization_ratio";
constexpr std::string_view used = "hw_npu_memory_usage_bytes";
constexpr std::string_view total = "hw_npu_memory_limit_bytes";
constexpr std::string_view status = "hw_status";

// clang-format off
constexpr NameRow rows[] = {
    {info, "", "npu_exporter_version_info", "-exporterVersion={version}", 1},
    {info, "", "node_base_info", "-exporterVersion={version},driverVersion={hw_driver_version}", 1},
    {info, "", "machine_npu_nums", "-", 1, How::count},
    {info, "chip=0|", "machine_card_nums", "-", 1, How::count},
    {status, "hw_type=npu hw_state=ok", "machine_healthy_npu_nums", "-", 1, How::sum},
    {status, "hw_type=npu hw_state=degraded|failed", "machine_unhealthy_npu_nums", "-", 1, How::sum},
    {status, "hw_type=npu hw_state=unknown", "machine_unknown_npu_nums", "-", 1, How::sum},
    {info, "", "npu_chip_info_name", "name={hw_name},model_name=", 1},
    // 1 healthy, 0 not, -1 not known.
    {status, "hw_type=npu hw_state=ok", "npu_chip_info_health_status", "", 1, How::difference, status, "hw_type=npu hw_state=unknown"},
    {"godwit_npu_fault_info", "", "npu_chip_info_error_code", "", 1, How::code},
    {"hw_temperature_celsius", "hw_type=npu", "npu_chip_info_temperature", ""},
    {"hw_power_watts", "hw_type=npu", "npu_chip_info_power", ""},
    {"hw_voltage_volts", "hw_type=npu", "npu_chip_info_voltage", ""},
    {"godwit_clock_hertz", "hw_type=npu", "npu_chip_info_aicore_current_freq", "", megahertz},
    {utilization, "hw_npu_task=aicore", "npu_chip_info_utilization", "", percent},
    {utilization, "hw_npu_task=npu", "npu_chip_info_overall_utilization", "", percent},
    {utilization, "hw_npu_task=aivector|vector", "npu_chip_info_vector_utilization", "", percent},
    {utilization, "hw_npu_task=aicube|cube", "npu_chip_info_cube_utilization", "", percent},
    {total, "hw_memory_type=ddr", "npu_chip_info_total_memory", "", megabytes},
    {used, "hw_memory_type=ddr", "npu_chip_info_used_memory", "", megabytes},
    {total, "hw_memory_type=hbm", "npu_chip_info_hbm_total_memory", "", megabytes},
    {used, "hw_memory_type=hbm", "npu_chip_info_hbm_used_memory", "", megabytes},
    {used, "hw_memory_type=hbm", "npu_chip_info_hbm_utilization", "", percent, How::ratio, total, "hw_memory_type=hbm"},
    {"godwit_accelerator_processes", "hw_type=npu", "npu_chip_info_process_info_num", ""},
    {"godwit_accelerator_process_memory_bytes", "hw_type=npu", "npu_chip_info_process_info", "process_id={pid}", megabytes},
};
// clang-format on
constexpr NameJoin joins[] = {
    {.metric = info, .on = "hw_id", .parts = true},
    {.metric = "godwit_agent_info", .on = "", .lends = "version"},
    {.metric = "godwit_accelerator_pod_info", .on = "hw_id", .live = true},
};

}  // namespace

const NameSet npu_exporter_names = {.name = "npu_exporter",
                                    .job = "npu-exporter",
                                    .only_with = "hw_npu_info",
                                    .labels =
                                        "id={logic_id/phy_id/npu},model_name={hw_name},"
                                        "pcie_bus_info={hw_bus_id},namespace={namespace},"
                                        "pod_name={pod},container_name={container}",
                                    .joins = joins,
                                    .rows = rows};

}  // namespace godwit
