// The table that `once` prints for people: readings by collector and device, in units as people
// read them. Programs take JSON or Prometheus text.
#pragma once

#include <cstddef>
#include <ostream>
#include <vector>

#include "edge/read_all.h"

namespace godwit {

struct TableStyle {
  std::size_t width = 0;  // columns of the terminal, which lines are cut to; 0: they are whole
  bool color = false;
};

void print_table(const std::vector<Reading>& readings, TableStyle style, std::ostream& out);

}  // namespace godwit
