// `npu-smi info`: always two rows per chip, in cells between '|'. Positions inside a cell move with
// every version and chip family, rules may be missing, and quoted tables are cut anywhere.
#include <algorithm>
#include <set>

#include "edge/collectors/npu_smi/info_layout.h"
#include "edge/collectors/npu_smi/parse.h"
#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

constexpr std::string_view idle_text = "no running process";

Usage to_usage(const Item& item) {
  if (!item.pair) return {};
  return {parse_int(item.text), parse_int(item.total)};
}

std::string to_text(const Item& item) { return is_hole(item.text) ? "" : item.text; }

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "OK", "Warning", ...: a word, and no hole.
bool is_health(std::string_view text) {
  return text.size() >= 2 && !is_hole(text) && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ' || c == '_';
         });
}

bool is_bus(std::string_view text) {
  return (!text.empty() && is_hole(text)) || text.find(':') != std::string_view::npos;
}

struct Layouts {
  Layout first, second;
};

// What all versions up to now share, for fragments without a header. Four cells: Ascend 950.
const Layouts& known_layouts(std::size_t cells) {
  using enum Column;
  static const Layouts three = {
      fixed_layout({{npu, name}, {health}, {power, temperature, hugepages}}),
      fixed_layout({{chip, logic_id}, {bus}, {aicore, memory, hbm}})};
  static const Layouts four = {
      fixed_layout({{npu}, {name}, {health}, {power, temperature, hugepages}}),
      fixed_layout({{}, {}, {bus}, {npu_util, memory, hbm}})};
  return cells == 4 ? four : three;
}

class TableReader {
 public:
  void read(std::string_view text);
  std::optional<InfoTable> take();

 private:
  enum class Last { nothing, rule, row };

  bool read_banner(std::string_view line);
  bool read_header(const Row& row);
  bool read_idle(std::string_view line);
  void read_data(Row row, bool last_line);
  bool read_chip(const Row& row);
  bool read_process(Row row, bool cut);
  void fill(Chip& chip, const RowValues& values);
  [[nodiscard]] bool shows_gaps() const;

  InfoTable table_;
  Layout first_, second_, process_;
  bool recognised_ = false;
  bool pending_ = false;  // the last chip still waits for its second row
  bool has_rules_ = false, has_header_ = false, in_processes_ = false;
  std::size_t after_process_header_ = 0;  // rows and "No running ..." lines
  Last last_ = Last::nothing;
};

// "| npu-smi 23.0.rc3      Version: 23.0.rc2.3   |": the tool's version and the driver's.
bool TableReader::read_banner(std::string_view line) {
  const auto words = split_blanks(line);
  const auto tool = std::find(words.begin(), words.end(), "npu-smi");
  const auto driver = std::find(words.begin(), words.end(), "Version:");
  if (tool == words.end() || driver == words.end() || tool + 1 >= driver) return false;
  table_.tool_version = tool[1];
  if (driver + 1 != words.end() && driver[1] != "|") table_.driver_version = driver[1];
  return true;
}

bool TableReader::read_header(const Row& row) {
  Layout layout = layout_of_header(row);
  if (layout.has(Column::pid) && layout.has(Column::npu)) {
    process_ = std::move(layout);
    in_processes_ = true;
    after_process_header_ = 0;
    table_.process_table_shown = true;
  } else if (layout.has(Column::health) && layout.has(Column::npu)) {
    first_ = std::move(layout);
    in_processes_ = false;
    has_header_ = true;
  } else if (layout.has(Column::bus)) {
    second_ = std::move(layout);
    has_header_ = true;
    if (second_.has(Column::npu_util)) table_.has_npu_util = true;
  } else {
    return false;
  }
  return true;
}

bool TableReader::read_idle(std::string_view line) {
  const std::string lower = to_lower(line);
  const std::size_t at = lower.find(idle_text);
  if (at == std::string::npos) return false;
  table_.process_table_shown = true;
  const auto words = split_blanks(std::string_view(lower).substr(at));
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto npu = words[i] == "npu" ? parse_int(words[i + 1]) : std::nullopt;
    if (npu) table_.idle_npus.push_back(*npu);
  }
  return true;
}

void TableReader::fill(Chip& chip, const RowValues& values) {
  const auto integer = [&](Column column, std::optional<std::int64_t>& to) {
    if (const auto value = parse_int(get(values, column).text)) to = value;
  };
  const auto real = [&](Column column, std::optional<double>& to) {
    if (const auto value = parse_double(get(values, column).text)) to = value;
  };
  const auto usage = [&](Column column, Usage& to) {
    if (get(values, column).pair) to = to_usage(get(values, column));
  };
  const auto text = [&](Column column, std::string& to) {
    if (auto value = to_text(get(values, column)); !value.empty()) to = std::move(value);
  };
  integer(Column::npu, chip.npu_id);
  integer(Column::chip, chip.chip_id);
  integer(Column::logic_id, chip.logic_id);
  integer(Column::phy_id, chip.phy_id);
  text(Column::name, chip.name);
  text(Column::health, chip.health);
  text(Column::bus, chip.bus_id);
  real(Column::power, chip.power_w);
  real(Column::temperature, chip.temp_c);
  real(Column::aicore, chip.aicore_pct);
  real(Column::npu_util, chip.npu_util_pct);
  usage(Column::memory, chip.memory_mb);
  usage(Column::hbm, chip.hbm_mb);
  usage(Column::hugepages, chip.hugepages);
}

// A row with a health word is the first of a chip; one with a bus address, or none in its place,
// the second.
bool TableReader::read_chip(const Row& row) {
  const Layouts& known = known_layouts(row.cells.size());
  const Layout& first = first_.from_header ? first_ : known.first;
  const auto values = read_row(row, first);
  if (is_health(get(values, Column::health).text) &&
      parse_int(get(values, Column::npu).text).has_value()) {
    if (pending_) table_.truncated = true;
    fill(table_.chips.emplace_back(), values);
    pending_ = !first.has(Column::bus);
    return true;
  }
  const Layout& second = second_.from_header ? second_ : known.second;
  const auto more = read_row(row, second);
  if (!is_bus(get(more, Column::bus).text)) return false;
  // Without its first row: the tool leaves that out when the health code is none of its own.
  if (!pending_) table_.chips.emplace_back();
  Chip& chip = table_.chips.back();
  fill(chip, more);
  // The second number beside the chip is a physical id on boards with HBM.
  if (!second_.from_header && get(more, Column::hbm).pair) std::swap(chip.logic_id, chip.phy_id);
  if (second.has(Column::npu_util)) table_.has_npu_util = true;
  pending_ = false;
  return true;
}

bool TableReader::read_process(Row row, bool cut) {
  static const Layout known = fixed_layout({{Column::npu, Column::chip},
                                            {Column::pid},
                                            {Column::process_name},
                                            {Column::process_memory},
                                            {Column::container_pid}});
  const bool headed = process_.from_header;
  const Layout& layout = headed ? process_ : known;
  if (headed && row.cells.size() > layout.cells.size()) {
    // The name holds a '|' of its own.
    const std::size_t extra = row.cells.size() - layout.cells.size();
    const auto is_name = [](const auto& cell) {
      return !cell.empty() && cell[0].column == Column::process_name;
    };
    const auto it = std::find_if(layout.cells.begin(), layout.cells.end(), is_name);
    if (it == layout.cells.end()) return false;
    const auto at = static_cast<std::size_t>(it - layout.cells.begin());
    const auto& last = row.cells[at + extra].text;
    auto& name = row.cells[at].text;
    name = {name.data(), static_cast<std::size_t>(last.data() + last.size() - name.data())};
    const auto begin = row.cells.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    row.cells.erase(begin, begin + static_cast<std::ptrdiff_t>(extra));
  }
  const auto values = read_row(row, layout);
  const auto npu = parse_int(get(values, Column::npu).text);
  const auto& pid = get(values, Column::pid).text;
  if (!npu || !is_digits(pid) || !parse_int(pid)) return false;
  // A row that ends before its memory was cut; its last field may be only a part.
  if (cut ||
      (layout.has(Column::process_memory) && get(values, Column::process_memory).text.empty() &&
       row.cells.size() < layout.cells.size())) {
    table_.truncated = true;
    return true;
  }
  auto& process = table_.processes.emplace_back();
  process.npu = npu;
  process.chip = parse_int(get(values, Column::chip).text);
  process.pid = *parse_int(pid);
  process.name = to_text(get(values, Column::process_name));
  process.memory_mb = parse_int(get(values, Column::process_memory).text);
  table_.process_table_shown = true;
  return true;
}

void TableReader::read_data(Row row, bool last_line) {
  const bool cut = last_line && !row.closed;
  if (!in_processes_ && read_chip(row)) {
    if (cut) table_.truncated = true;
  } else if (read_process(std::move(row), cut)) {
    ++after_process_header_;
  } else {
    return;
  }
  recognised_ = true;
  last_ = Last::row;
}

void TableReader::read(std::string_view text) {
  const auto lines = split_lines(text);
  std::size_t end = lines.size();
  while (end > 0 && trim(lines[end - 1]).empty()) --end;
  for (std::size_t i = 0; i < end; ++i) {
    const std::string_view line = trim(lines[i]);
    if (table_.chips.size() + table_.processes.size() + table_.idle_npus.size() >= max_entries) {
      table_.truncated = true;
      return;
    }
    if (is_rule(line)) {
      has_rules_ = true;
      last_ = Last::rule;
    } else if (is_elision(line)) {
      table_.truncated = true;
    } else if (read_banner(line)) {
      recognised_ = true;
    } else if (read_idle(line)) {
      recognised_ = true;
      ++after_process_header_;
      last_ = Last::row;
    } else if (line.starts_with('|')) {
      Row row = split_row(line);
      if (read_header(row)) {
        recognised_ = true;
        last_ = Last::row;
      } else {
        read_data(std::move(row), i + 1 == end);
      }
    }
  }
}

// A whole table ends with a rule, has a column head, completes its chips, follows the head of the
// process table with something, and names no card there that it did not show before.
bool TableReader::shows_gaps() const {
  if (pending_ || (has_rules_ && last_ == Last::row)) return true;
  if (!has_header_ && !table_.chips.empty()) return true;
  if (in_processes_ && after_process_header_ == 0) return true;
  std::set<std::int64_t> cards;
  for (const auto& chip : table_.chips) cards.insert(chip.npu_id.value_or(-1));
  const auto unknown = [&](std::int64_t npu) { return !cards.contains(npu); };
  return !cards.empty() &&
         (std::any_of(table_.idle_npus.begin(), table_.idle_npus.end(), unknown) ||
          std::any_of(table_.processes.begin(), table_.processes.end(),
                      [&](const Process& process) { return unknown(*process.npu); }));
}

std::optional<InfoTable> TableReader::take() {
  if (!recognised_) return std::nullopt;
  if (shows_gaps()) table_.truncated = true;
  return std::move(table_);
}

}  // namespace

std::optional<InfoTable> parse_info_table(std::string_view text) {
  TableReader reader;
  reader.read(text);
  return reader.take();
}

}  // namespace godwit::npu_smi
