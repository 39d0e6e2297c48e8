#include "edge/collectors/npu_smi/info_layout.h"

#include <algorithm>
#include <optional>

#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

constexpr std::size_t max_cells = 64;

struct KnownColumn {
  std::string_view text;  // as normalise() leaves it
  Column column;
};
constexpr KnownColumn known_columns[] = {
    {"npu", Column::npu},
    {"npu id", Column::npu},
    {"name", Column::name},
    {"health", Column::health},
    {"health status", Column::health},
    {"power", Column::power},
    {"temp", Column::temperature},
    {"temperature", Column::temperature},
    {"hugepages usage", Column::hugepages},
    {"hugepages", Column::hugepages},
    {"chip", Column::chip},
    {"chip id", Column::chip},
    {"device", Column::logic_id},
    {"device id", Column::logic_id},
    {"logic id", Column::logic_id},
    {"phy id", Column::phy_id},
    {"phyid", Column::phy_id},
    {"bus id", Column::bus},
    {"busid", Column::bus},
    {"aicore", Column::aicore},
    {"ai core", Column::aicore},
    {"aicore util", Column::aicore},
    {"npu util", Column::npu_util},
    {"npu utilization", Column::npu_util},
    {"memory usage", Column::memory},
    {"ddr usage", Column::memory},
    {"hbm usage", Column::hbm},
    {"process id", Column::pid},
    {"pid", Column::pid},
    {"process name", Column::process_name},
    {"process memory", Column::process_memory},
    {"process id in container", Column::container_pid},
};
constexpr std::size_t longest_name_words = 4;

// Lower case, without the unit in brackets, '-' and '_' as blanks.
std::string normalise(std::string_view text) {
  std::string result;
  int depth = 0;
  for (char c : to_lower(text)) {
    if (c == '(') ++depth;
    if (depth == 0) {
      if (c == '-' || c == '_' || c == '\t') c = ' ';
      if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
    }
    if (c == ')' && depth > 0) --depth;
  }
  return std::string(trim(result));
}

std::optional<Column> find_column(std::string_view text) {
  const std::string name = normalise(text);
  for (const auto& known : known_columns) {
    if (known.text == name) return known.column;
  }
  return std::nullopt;
}

// Where `piece`, a view into `line`, begins in it.
std::size_t offset_in(std::string_view line, std::string_view piece) {
  return static_cast<std::size_t>(piece.data() - line.data());
}

// The columns of a piece that is no column's name as a whole: hand-typed headers have one blank
// between two columns. Words that belong to no known column make one unknown column.
void add_words(std::string_view cell, std::size_t cell_start, std::string_view piece,
               std::vector<LayoutColumn>& columns) {
  const auto words = split_blanks(piece);
  bool in_unknown = false;
  for (std::size_t i = 0; i < words.size();) {
    const std::size_t start = cell_start + offset_in(cell, words[i]);
    std::size_t taken = std::min(longest_name_words, words.size() - i);
    std::optional<Column> column;
    for (; taken > 0 && !column; --taken) {
      const auto& last = words[i + taken - 1];
      const std::size_t begin = offset_in(piece, words[i]);
      column = find_column(piece.substr(begin, offset_in(piece, last) + last.size() - begin));
    }
    if (column) {
      columns.push_back({*column, start});
      i += taken + 1;
    } else {
      if (!in_unknown) columns.push_back({Column::unknown, start});
      ++i;
    }
    in_unknown = !column;
  }
}

bool is_text_column(Column column) {
  return column == Column::name || column == Column::process_name || column == Column::bus;
}

// "60478/ 65536" and "0    / 0" are one item each.
std::vector<Item> split_items(const Row::Cell& cell) {
  std::vector<Item> items;
  bool want_total = false;
  for (const auto word : split_blanks(cell.text)) {
    std::size_t from = 0;
    while (from < word.size()) {
      const std::size_t slash = word.find('/', from);
      const std::string_view part = word.substr(from, slash - from);
      if (!part.empty() && want_total) {
        items.back().total = part;
        want_total = false;
      } else if (!part.empty()) {
        items.push_back({std::string(part), "", false, cell.start + offset_in(cell.text, part)});
      }
      if (slash == std::string_view::npos) break;
      if (items.empty() || items.back().pair) {
        items.push_back({"", "", false, cell.start + offset_in(cell.text, word) + slash});
      }
      items.back().pair = true;
      want_total = true;
      from = slash + 1;
    }
  }
  return items;
}

Item whole_cell(const Row::Cell& cell) {
  return {std::string(trim(cell.text)), "", false, cell.start};
}

// Columns that an identifier and a name share: what follows the identifier is the name.
void read_named(const Row::Cell& cell, const std::vector<LayoutColumn>& columns,
                RowValues& values) {
  std::string_view rest = trim(cell.text);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool last = i + 1 == columns.size();
    const std::size_t end = last ? rest.size() : std::min(rest.find_first_of(" \t"), rest.size());
    values[static_cast<std::size_t>(columns[i].column)] = {std::string(trim(rest.substr(0, end))),
                                                           "", false, cell.start};
    rest = trim(rest.substr(end));
  }
}

// As many items as columns: one each. Else each item goes to the free column whose head begins
// nearest to it.
void read_items(const Row::Cell& cell, const std::vector<LayoutColumn>& columns, bool has_positions,
                RowValues& values) {
  const auto items = split_items(cell);
  std::size_t next = 0;
  for (std::size_t i = 0; i < items.size() && next < columns.size(); ++i) {
    std::size_t best = next;
    if (has_positions && items.size() != columns.size()) {
      const auto distance = [&](std::size_t c) {
        const std::size_t a = columns[c].start;
        const std::size_t b = items[i].start;
        return a > b ? a - b : b - a;
      };
      for (std::size_t c = next + 1; c < columns.size(); ++c) {
        if (distance(c) < distance(best)) best = c;
      }
    }
    values[static_cast<std::size_t>(columns[best].column)] = items[i];
    next = best + 1;
  }
}

}  // namespace

bool is_rule(std::string_view line) {
  return line.size() >= 3 && line.find_first_not_of("+-=| ") == std::string_view::npos &&
         line.find_first_of("-=") != std::string_view::npos;
}

bool is_elision(std::string_view line) {
  return (line.find("..") != std::string_view::npos ||
          line.find("\xe2\x80\xa6") != std::string_view::npos) &&
         line.find_first_not_of(".| \t\xe2\x80\xa6") == std::string_view::npos;
}

Row split_row(std::string_view line) {
  Row row;
  std::string_view inner = trim(line);
  const std::size_t left = offset_in(line, inner);
  if (!inner.starts_with('|')) return row;
  inner.remove_prefix(1);
  row.closed = inner.ends_with('|');
  if (row.closed) inner.remove_suffix(1);
  std::size_t start = left + 1;
  for (const auto cell : split(inner, '|')) {
    if (row.cells.size() == max_cells) break;
    row.cells.push_back({cell, start});
    start += cell.size() + 1;
  }
  return row;
}

bool Layout::has(Column column) const {
  for (const auto& cell : cells) {
    for (const auto& entry : cell) {
      if (entry.column == column) return true;
    }
  }
  return false;
}

Layout layout_of_header(const Row& row) {
  Layout layout;
  layout.from_header = true;
  for (const auto& cell : row.cells) {
    auto& columns = layout.cells.emplace_back();
    for (const auto piece : split_wide(cell.text)) {
      if (const auto column = find_column(piece)) {
        columns.push_back({*column, cell.start + offset_in(cell.text, piece)});
      } else {
        add_words(cell.text, cell.start, piece, columns);
      }
    }
  }
  return layout;
}

Layout fixed_layout(std::initializer_list<std::initializer_list<Column>> cells) {
  Layout layout;
  for (const auto& cell : cells) {
    auto& columns = layout.cells.emplace_back();
    for (const Column column : cell) columns.push_back({column, 0});
  }
  return layout;
}

RowValues read_row(const Row& row, const Layout& layout) {
  RowValues values;
  const std::size_t count = std::min(row.cells.size(), layout.cells.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& columns = layout.cells[i];
    if (columns.empty()) continue;
    if (columns.size() == 1 && is_text_column(columns[0].column)) {
      values[static_cast<std::size_t>(columns[0].column)] = whole_cell(row.cells[i]);
    } else if (columns.back().column == Column::name) {
      read_named(row.cells[i], columns, values);
    } else {
      read_items(row.cells[i], columns, layout.from_header, values);
    }
  }
  return values;
}

}  // namespace godwit::npu_smi
