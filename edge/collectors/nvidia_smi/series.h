// Translates what nvidia-smi said into canonical series. Pure; used by the collector and the tests.
//
// hw_id of a GPU is its PCI address as the kernel's log writes it ("0000:01:00"): it stays when
// another GPU falls off the bus, and is that of the Xids that the driver logs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/collectors/energy_meter.h"
#include "edge/collectors/nvidia_smi/query.h"
#include "transport/metric.h"

namespace godwit::nvidia_smi {

// The PCI address; where there is none, the UUID or the index.
std::string hardware_id(const Gpu& gpu);

void add_gpus(const std::vector<Gpu>& gpus, EnergyMeter& energy, std::int64_t boot_ms, Batch& out);
void add_processes(const std::vector<Gpu>& gpus, const std::vector<Process>& processes,
                   std::size_t max_shown, Batch& out);
// A GPU that the tool only names as lost.
void add_lost(const std::string& id, Batch& out);

}  // namespace godwit::nvidia_smi
