// Name set `jetson_gpu`: the gpu_* series of the Python exporter for jtop that KubeSphere's GPU
// pages were built on (prometheus_client on port 9998). Same names, labels and units, with these
// faults of that exporter mended: sensors and rails are found whatever the board calls them (it
// knew the AGX Orin's rails and JetPack 5's sensors), a rail or sensor that a board lacks has no
// sample instead of 0, soc* and tj are there, and a process has no label that changes with every
// reading (cpu, memory, gpu_memory, priority, state: each change was a new series). The serial
// number is never published.
#include "transport/naming/jetson_rows.h"
#include "transport/naming/name_sets.h"

namespace godwit {
namespace {

using namespace jetson;

// clang-format off
constexpr NameRow rows[] = {
    {"godwit_board_info", "", "info_hardware_info", "board_hw=hardware,codename={codename|unknown},soc={soc|unknown},module={p_number|unknown},board={part_number|unknown},cuda_arch_bin={cuda_arch_bin|unknown},serial_number=unknown"},
    {watts, "hw_id=VDD_CPU_CV", "usage_power", "power=cv", milliwatts},
    {"godwit_accelerator_process_memory_bytes", "hw_type=gpu", "processes_info", "process=info,pid={pid},user={user},gpu=I,type={type},name={process}", 1, How::count},
};
// clang-format on

}  // namespace

const NameSet jetson_gpu_names = {.name = "jetson_gpu",
                                  .job = "jetson-exporter",
                                  .own_pod = true,
                                  .only_with = "godwit_board_info",
                                  .prefix = "gpu_",
                                  .common = common_rows,
                                  .rows = rows};

}  // namespace godwit
