// What nvidia-smi is asked for, and how its answers are read: the list of fields
// (--help-query-gpu), the table of GPUs and the table of processes (--format=csv,noheader,nounits).
// Pure functions, for the collector and the fuzzer.
//
// Cells that say that there is no value are empty here: "N/A", "[N/A]", "[Not Supported]",
// "[Insufficient Permissions]" and the like, and the sentinels that NVIDIA's libraries put in the
// place of a number ("<<<NULL>>>", 2147483632 to ...635, 2^47 and above). "[GPU is lost]",
// "[GPU requires reset]" and "ERR!" say besides that the GPU is not well.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit::nvidia_smi {

enum class Field : std::uint8_t {
  index,
  uuid,
  name,
  bus_id,
  driver_version,
  vbios_version,
  gpu_utilization,
  memory_utilization,
  encoder_utilization,
  decoder_utilization,
  memory_used,
  memory_free,
  memory_reserved,
  memory_total,
  gpu_temperature,
  memory_temperature,
  power,
  power_limit,
  sm_clock,
  memory_clock,
  max_sm_clock,
  max_memory_clock,
  fan_speed,
  event_reasons,
  power_cap_time,
  sync_boost_time,
  software_thermal_time,
  hardware_thermal_time,
  power_brake_time,
  ecc_corrected_volatile,
  ecc_uncorrected_volatile,
  ecc_corrected_aggregate,
  ecc_uncorrected_aggregate,
  retired_single_bit,
  retired_double_bit,
  remapped_correctable,
  remapped_uncorrectable,
  remap_pending,
  remap_failure,
  recovery_action,
  count
};
inline constexpr std::size_t field_count = static_cast<std::size_t>(Field::count);

enum class Fitness : std::uint8_t {
  well,
  error,
  lost
};  // as the cells say; lost: or needs a reset

struct Gpu {
  std::array<std::string, field_count> cells;  // empty: no value
  Fitness fitness = Fitness::well;

  [[nodiscard]] const std::string& get(Field field) const {
    return cells[static_cast<std::size_t>(field)];
  }
};

struct Process {
  std::string gpu_uuid, name;
  std::int64_t pid = 0;
  std::optional<double> memory_mib;
};

inline constexpr std::size_t max_gpus = 64;
inline constexpr std::size_t max_processes = 4096;

struct Column {
  Field field;
  std::string_view name;  // by which this version of the tool knows it
};
// ErrorCode::invalid when the text is no list of fields.
Result<std::vector<Column>> parse_fields(std::string_view help);
std::string query_of(const std::vector<Column>& columns);

// Lines that are no row are kept for the message of a failure.
struct Rows {
  std::vector<Gpu> gpus;
  std::string other;              // the first line that is no row
  std::vector<std::string> lost;  // GPUs that such lines call lost, as lost_gpus() has them
};
Rows parse_gpus(std::string_view csv, const std::vector<Column>& columns);
// gpu_uuid, pid, used_gpu_memory, process_name: the name last, since it may hold commas.
inline constexpr std::string_view process_query = "gpu_uuid,pid,used_gpu_memory,process_name";
std::vector<Process> parse_processes(std::string_view csv);

// PCI addresses of GPUs that a message calls lost: "Unable to determine the device handle for GPU
// 0000:01:00.0: GPU is lost."
std::vector<std::string> lost_gpus(std::string_view message);

// "00000000:01:00.0" as the kernel's log writes it: "0000:01:00". Empty: no PCI address.
std::string kernel_address(std::string_view bus_id);

bool is_absent(std::string_view cell);

}  // namespace godwit::nvidia_smi
