// A Jetson read from sysfs and procfs, without the jtop service: the same JetsonReadings, so the
// same series. Used when nobody answers at the service's socket.
//
// Everything is found by what it is (a device-tree name, a chip's name, a rail's label), never by a
// number in a path: those change with each release of Jetson Linux (L4T). Paths and units:
// the kernel's Documentation/hwmon and Documentation/thermal, NVIDIA's Jetson Linux Developer
// Guide.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/collector.h"
#include "edge/collectors/jetson_readings.h"

namespace godwit {

std::unique_ptr<Collector> make_tegra(const Host& host, const CollectorSettings& settings);

// Labels of godwit_board_info. `model` and `compatible` as the device tree has them (NUL at the end
// and between entries), `release` as /etc/nv_tegra_release. Each may be empty.
std::map<std::string, std::string> parse_tegra_board(std::string_view model,
                                                     std::string_view compatible,
                                                     std::string_view release);

// "pmode:0008" -> 8.
std::optional<std::int64_t> parse_nvpmodel_status(std::string_view text);
// `< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >` -> 8: "MODE_20W_6CORE".
std::map<std::int64_t, std::string> parse_nvpmodel_modes(std::string_view text);

// Sets profile, governor and control from lines "FAN1:FAN_PROFILE:quiet".
void parse_fan_status(std::string_view text, JetsonFan& fan);

// Free memory in blocks of 4 MiB, from /proc/buddyinfo of a kernel with pages of 4 KiB.
std::optional<double> parse_free_4mib_blocks(std::string_view text);

// "user  NAME  PID  SIZEK" lines of nvmap's table of mapped memory; one entry per pid.
std::vector<JetsonProcess> parse_nvmap_clients(std::string_view text);

// A clock of an engine by its name in debugfs: "dla0_core" -> {"DLA0", "DLA0_CORE"}. nullopt: none
// that is reported.
std::optional<JetsonEngine> tegra_engine(std::string_view clock);

// "thermal-fan-est" -> "thermal", "CPU-therm" -> "CPU", as jtop names them.
std::string_view thermal_zone_name(std::string_view type);

}  // namespace godwit
