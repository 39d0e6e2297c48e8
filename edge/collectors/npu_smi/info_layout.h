// How one row of the big table is cut into columns: from its header line where there is one, else
// from the layouts that all known versions share. Used by info_table.cc only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::npu_smi {

enum class Column : std::uint8_t {
  unknown,
  npu,
  name,
  health,
  power,
  temperature,
  hugepages,
  chip,
  logic_id,
  phy_id,
  bus,
  aicore,
  npu_util,
  memory,
  hbm,
  pid,
  process_name,
  process_memory,
  container_pid,
  count
};

// "+----+" and the like; a line of dots where its author left lines out.
bool is_rule(std::string_view line);
bool is_elision(std::string_view line);

// A number or word, or the two of "used / total".
struct Item {
  std::string text, total;
  bool pair = false;
  std::size_t start = 0;  // in the line
};

// One line of the table between its borders.
struct Row {
  struct Cell {
    std::string_view text;
    std::size_t start = 0;  // in the line
  };
  std::vector<Cell> cells;
  bool closed = false;  // the right border is there
};
Row split_row(std::string_view line);

struct LayoutColumn {
  Column column = Column::unknown;
  std::size_t start = 0;  // in the header line
};
struct Layout {
  std::vector<std::vector<LayoutColumn>> cells;
  bool from_header = false;
  [[nodiscard]] bool has(Column column) const;
};
Layout layout_of_header(const Row& row);
// Without positions, for fragments that have lost their header.
Layout fixed_layout(std::initializer_list<std::initializer_list<Column>> cells);

// The row's items by column; a column that is not there has an empty item.
using RowValues = std::array<Item, static_cast<std::size_t>(Column::count)>;
RowValues read_row(const Row& row, const Layout& layout);
inline const Item& get(const RowValues& values, Column column) {
  return values[static_cast<std::size_t>(column)];
}

}  // namespace godwit::npu_smi
