#include "edge/link_settings.h"

#include <algorithm>

namespace godwit {
namespace {

using Type = SettingType;

constexpr std::int64_t kib = 1024;

}  // namespace

std::uint64_t LinkLimits::max_unsaved_bytes() const {
  std::uint64_t bytes = 256 * kib;
  for (const std::uint64_t cap : {max_bytes_per_day, max_bytes_per_month}) {
    if (cap > 0) bytes = std::min(bytes, cap / 256);
  }
  return bytes;
}

// clang-format off
std::vector<Setting> link_settings_table() {
  return {
      {.key = "link.max_bytes_per_day", .type = Type::bytes, .fallback = "0",
       .help = "What the link may cost in a UTC day, both ways, IP headers included; 0 for no cap.", .min = 0},
      {.key = "link.max_bytes_per_month", .type = Type::bytes, .fallback = "0",
       .help = "The same for a month that begins on link.billing_day.", .min = 0},
      {.key = "link.billing_day", .type = Type::integer, .fallback = "1",
       .help = "Day on which a month of the link begins.", .min = 1, .max = 28},
      {.key = "link.max_rate", .type = Type::bytes, .fallback = "0",
       .help = "Bytes per second that readings may take on average; 0 for no bound.", .min = 0},
  };
}
// clang-format on

LinkLimits finalise_link(const Settings& settings) {
  LinkLimits limits;
  limits.max_bytes_per_day = static_cast<std::uint64_t>(settings.integer("link.max_bytes_per_day"));
  limits.max_bytes_per_month =
      static_cast<std::uint64_t>(settings.integer("link.max_bytes_per_month"));
  limits.billing_day = static_cast<int>(settings.integer("link.billing_day"));
  limits.max_rate = static_cast<std::uint64_t>(settings.integer("link.max_rate"));
  return limits;
}

}  // namespace godwit
