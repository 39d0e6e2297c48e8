#include "edge/health_settings.h"

namespace godwit {

std::vector<Setting> health_settings_table() {
  using Type = SettingType;
  constexpr std::int64_t second = 1000;
  return {
      {.key = "health.temperature",
       .type = Type::integer,
       .fallback = "85",
       .help = "Degrees Celsius above which an accelerator is too hot.",
       .min = 20,
       .max = 150},
      {.key = "health.memory",
       .type = Type::integer,
       .fallback = "95",
       .help = "Percent of a GPU's memory above which it is short of memory.",
       .min = 1,
       .max = 100},
      {.key = "health.hung_after",
       .type = Type::duration,
       .fallback = "60s",
       .help = "Time without an answer after which a driver hangs and a state is unknown.",
       .min = second,
       .max = 3600 * second},
      {.key = "health.recovery",
       .type = Type::duration,
       .fallback = "30s",
       .help = "A problem has ended when it has been away for so long.",
       .min = 0,
       .max = 3600 * second},
      {.key = "health.gpus",
       .type = Type::integer,
       .fallback = "0",
       .help = "GPUs that the node should have; 0: as many as were seen since the start.",
       .min = 0,
       .max = 64},
      {.key = "health.npus",
       .type = Type::integer,
       .fallback = "0",
       .help = "NPUs (chips) that the node should have; 0: as many as were seen since the start.",
       .min = 0,
       .max = 64},
      {.key = "npd.socket",
       .help = "Unix socket of the external monitor for node-problem-detector; \"\" for none."},
  };
}

HealthSettings finalise_health(const Settings& settings) {
  HealthSettings out;
  out.thresholds.temperature_c = static_cast<double>(settings.integer("health.temperature"));
  out.thresholds.memory_percent = static_cast<double>(settings.integer("health.memory"));
  out.hung_after_ms = settings.integer("health.hung_after");
  out.recovery_ms = settings.integer("health.recovery");
  out.gpus = static_cast<std::size_t>(settings.integer("health.gpus"));
  out.npus = static_cast<std::size_t>(settings.integer("health.npus"));
  return out;
}

}  // namespace godwit
