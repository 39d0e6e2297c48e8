// What was found on a board, and how to read it again: the plan that each find_x() adds its part
// to. Private to collectors/tegra.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/collectors/jetson_readings.h"
#include "edge/host.h"
#include "transport/text.h"

namespace godwit {

// One file to read each time. What it holds goes into the readings; a file that cannot be read now
// (a unit that is powered off answers "try again") leaves them as they were: not known.
struct Probe {
  std::string path;
  std::function<void(JetsonReadings&, std::string_view line)> store;
};

struct TegraPlan {
  JetsonReadings known;  // names, limits and whatever else hardly ever changes
  std::vector<Probe> probes;
  bool has_gpu = false;  // a GPU of a Tegra was found

  // `target(readings)` is the MaybeNumber that takes the file's integer times `factor`.
  template <class Target>
  void add(std::string path, double factor, Target target) {
    probes.push_back({std::move(path), [factor, target](JetsonReadings& r, std::string_view line) {
                        if (const auto value = parse_int(line)) {
                          target(r) = in_base_unit(static_cast<double>(*value), factor);
                        }
                      }});
  }

  // `target(readings)` is the std::optional<bool> that takes whether the integer is above 0.
  template <class Target>
  void add_flag(std::string path, Target target) {
    probes.push_back({std::move(path), [target](JetsonReadings& r, std::string_view line) {
                        if (const auto value = parse_int(line)) target(r) = *value > 0;
                      }});
  }
};

void find_cores(const Host& host, TegraPlan& plan);
void find_gpus(const Host& host, TegraPlan& plan);
void find_memory(const Host& host, TegraPlan& plan);  // controller and free blocks; after the GPUs
void find_engines(const Host& host, TegraPlan& plan);
void find_temperatures(const Host& host, TegraPlan& plan);
void find_rails(const Host& host, TegraPlan& plan);
void find_fans(const Host& host, TegraPlan& plan);
void find_power_mode(const Host& host, TegraPlan& plan);

// Fills what follows from other readings: watts of a rail, power of the board.
void add_power_sums(JetsonReadings& readings);

// Text of the kernel or of a device tree as a label value: no NUL, valid UTF-8, 64 bytes at most.
std::string tegra_label(std::string_view text);
// The first line as a label value; empty when it cannot be read.
std::string read_label(const Host& host, std::string_view path);
// The integer in the file times `factor`, if it is there and is one.
MaybeNumber read_number(const Host& host, std::string_view path, double factor);
// Names in a folder; none when it cannot be listed.
std::vector<std::string> names_in(const Host& host, std::string_view folder);

}  // namespace godwit
