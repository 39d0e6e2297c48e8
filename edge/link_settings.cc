#include "edge/link_settings.h"

#include <algorithm>

namespace godwit {
namespace {

using Type = SettingType;

constexpr std::int64_t kib = 1024;

}  // namespace

std::uint64_t LinkLimits::max_unsaved_bytes() const {
  std::uint64_t bytes = 1024 * kib;
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
      {.key = "link.over_cap", .type = Type::choice, .fallback = "hold",
       .help = "When a cap does not last and the database takes samples only in order: hold sends in full until "
               "it is used up, then all waits; thin sends as much as lasts and gives up the rest. Where samples "
               "may come out of order a thinned stream is sent and the rest follows later.",
       .choices = {"hold", "thin"}},
      {.key = "link.reconnect_spread", .type = Type::duration, .fallback = "0s",
       .help = "After a failure the link comes back within at least this time, at random; 0s for 4 ms times the "
               "number of nodes that the relay knows, at most 2m.", .min = 0, .max = 3'600'000},
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
  limits.thin_over_cap = settings.text("link.over_cap") == "thin";
  return limits;
}

}  // namespace godwit
