#include "edge/once_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include "transport/human.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Labels that name a device: the first of them must be there.
constexpr std::array<std::array<std::string_view, 3>, 8> device_labels = {{
    {"hw_id", "hw_type", ""},
    {"pod", "namespace", "container"},
    {"device", "mountpoint", "fstype"},
    {"cpu", "", ""},
    {"zone", "type", ""},
    {"chip", "", ""},
    {"target", "", ""},
    {"name", "type", ""},
}};

std::string_view value_of(const Series& series, std::string_view label) {
  for (const auto& one : series.labels) {
    if (one.name == label) return one.value;
  }
  return {};
}

struct Row {
  std::string device;              // "gpu 0", "/dev/vda / ext4"; "" for none
  std::string name;                // with the labels that are not the device's
  std::vector<std::string> value;  // parts: one but for an info
};

bool is_state_label(std::string_view name) { return name.ends_with("state"); }

std::string device_of(const Series& series, Labels& rest) {
  const auto* const found =
      std::find_if(device_labels.begin(), device_labels.end(),
                   [&](const auto& labels) { return !value_of(series, labels[0]).empty(); });
  if (found == device_labels.end()) return {};
  const auto is_of_device = [&](const Label& label) {
    return std::find(found->begin(), found->end(), label.name) != found->end();
  };
  std::erase_if(rest, is_of_device);
  const std::string_view first = (*found)[0];
  const std::string_view id = value_of(series, first), second = value_of(series, (*found)[1]);
  if (first == "hw_id") {
    // "cpu0" of type cpu is what elsewhere is cpu 0.
    const auto number = id.starts_with(second) ? id.substr(second.size()) : id;
    return number.empty() ? std::string(id) : concat(second, " ", number);
  }
  std::string text = first == "cpu" || first == "zone" ? concat(first, " ", id) : std::string(id);
  for (const auto part : {second, value_of(series, (*found)[2])}) {
    if (!part.empty()) text += concat(" ", part);
  }
  return text;
}

// False: a state that is not the present one.
bool make_row(const Sample& sample, Row& row) {
  Series rest = sample.series;
  row.device = printable(device_of(sample.series, rest.labels));
  std::string value = human_value(sample.series.name, sample.value);
  if (sample.series.kind == Kind::stateset) {
    const auto state = std::find_if(rest.labels.begin(), rest.labels.end(),
                                    [](const Label& label) { return is_state_label(label.name); });
    if (state != rest.labels.end()) {
      if (sample.value != 1) return false;
      value = state->value;
      rest.labels.erase(state);
    }
  } else if (sample.series.kind == Kind::info && !rest.labels.empty()) {
    // What it says is in its labels.
    for (const auto& label : rest.labels) {
      row.value.push_back(printable(concat(label.name, "=", label.value)));
    }
    rest.labels.clear();
  }
  if (row.value.empty()) row.value.push_back(printable(value));
  row.name = printable(format_series(rest));
  return true;
}

class TablePrinter {
 public:
  TablePrinter(TableStyle style, std::ostream& out) : style_(style), out_(out) {}

  void print(const Reading& reading) {
    std::vector<Row> rows;
    std::map<std::string, std::size_t> counts;
    for (const auto& sample : reading.samples) {
      Row row;
      if (!make_row(sample, row)) continue;
      ++counts[row.device];
      rows.push_back(std::move(row));
    }
    head(reading);
    // One reading of a device is a line like those of no device.
    std::vector<std::string> devices;
    std::size_t width = 0;
    for (auto& row : rows) {
      if (!row.device.empty() && counts[row.device] == 1) {
        row.name += concat("  ", row.device);
        row.device.clear();
      }
      width = std::max(width, columns_of(row.name) + (row.device.empty() ? 2 : 4));
      if (std::find(devices.begin(), devices.end(), row.device) == devices.end()) {
        devices.push_back(row.device);
      }
    }
    // Values of one collector stand under each other, where names leave them room.
    const std::size_t most = style_.width > 30 ? style_.width * 3 / 5 : 72;
    width_ = std::max<std::size_t>(4, std::min(width, most));
    std::stable_partition(devices.begin(), devices.end(),
                          [](const std::string& device) { return device.empty(); });
    for (const auto& device : devices) print_device(device, rows);
    out_ << '\n';
  }

 private:
  void head(const Reading& reading) {
    const std::string spent =
        reading.seconds < 1e-4 ? "under 0.1 ms"
                               : human_value("godwit_collector_duration_seconds", reading.seconds);
    out_ << paint(reading.name, Color::bold, style_.color)
         << paint(concat("  ", reading.samples.size(), " readings in ", spent), Color::dim,
                  style_.color)
         << '\n';
  }

  void print_device(const std::string& device, const std::vector<Row>& rows) {
    if (!device.empty()) {
      out_ << "  " << paint(cut(device, 2), Color::cyan, style_.color) << '\n';
    }
    for (const auto& row : rows) {
      if (row.device == device) print_row(row, device.empty() ? 2 : 4);
    }
  }

  void print_row(const Row& row, std::size_t indent) {
    std::string value;
    for (const auto& part : row.value) value += concat(value.empty() ? "" : ", ", part);
    std::size_t room = width_ - indent;
    const std::size_t used = indent + 2 + columns_of(value);
    // A long name may have what its value leaves.
    if (style_.width > used)
      room = std::max(room, std::min(columns_of(row.name), style_.width - used));
    if (style_.width == 0) room = std::max(room, columns_of(row.name));
    out_ << std::string(indent, ' ') << fit(row.name, room) << "  ";
    const std::size_t column = indent + room + 2;
    if (row.value.size() > 1 && style_.width != 0 && column + columns_of(value) > style_.width) {
      for (std::size_t i = 0; i < row.value.size(); ++i) {
        if (i > 0) out_ << std::string(column, ' ');
        print_value(row.value[i], column);
      }
      return;
    }
    print_value(value, column);
  }

  void print_value(const std::string& value, std::size_t column) {
    out_ << paint(cut(value, column), Color::bold, style_.color) << '\n';
  }

  [[nodiscard]] std::string cut(const std::string& text, std::size_t used) const {
    if (style_.width <= used || columns_of(text) + used <= style_.width) return text;
    return fit(text, style_.width - used);
  }

  const TableStyle style_;
  std::ostream& out_;
  std::size_t width_ = 0;  // of names with what they are indented by
};

}  // namespace

void print_table(const std::vector<Reading>& readings, TableStyle style, std::ostream& out) {
  TablePrinter printer(style, out);
  for (const auto& reading : readings) {
    if (!reading.samples.empty()) printer.print(reading);
  }
}

}  // namespace godwit
