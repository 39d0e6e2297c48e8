// The link.* settings of godwit-agent: what the link may cost, and how a fleet comes back to a
// broker.
#pragma once

#include <cstdint>
#include <vector>

#include "transport/settings.h"

namespace godwit {

struct LinkLimits {
  // Bytes at IP level, both directions together; 0: no cap.
  std::uint64_t max_bytes_per_day = 0;
  std::uint64_t max_bytes_per_month = 0;
  int billing_day = 1;
  std::uint64_t max_rate = 0;  // bytes per second on average; 0: no bound
  // Where the database takes samples only in order: thin and give up the rest, instead of holding
  // everything back until a cap renews.
  bool thin_over_cap = false;

  // What a kill may cost the meter, so that a cap is never passed by much: a 256th of a cap.
  [[nodiscard]] std::uint64_t max_unsaved_bytes() const;
};

std::vector<Setting> link_settings_table();
LinkLimits finalise_link(const Settings& settings);

}  // namespace godwit
