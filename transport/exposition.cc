#include "transport/exposition.h"

#include <algorithm>
#include <vector>

#include "transport/catalog.h"
#include "transport/text.h"

namespace godwit {

std::string expose(std::span<const Sample> samples) {
  std::vector<std::pair<std::string, const Sample*>> lines;
  lines.reserve(samples.size());
  for (const auto& sample : samples) lines.emplace_back(format_series(sample.series), &sample);
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    const int by_name = a.second->series.name.compare(b.second->series.name);
    return by_name != 0 ? by_name < 0 : a.first < b.first;
  });
  std::string out;
  std::string_view present;
  for (const auto& [text, sample] : lines) {
    const Series& series = sample->series;
    if (series.name != present) {
      present = series.name;
      const MetricInfo* const info = find_metric(series.name);
      if (info != nullptr) out += concat("# HELP ", series.name, " ", info->help, "\n");
      const bool is_counter = series.kind == Kind::counter;
      out += concat("# TYPE ", series.name, is_counter ? " counter\n" : " gauge\n");
    }
    out += concat(text, " ", format_number(sample->value), "\n");
  }
  return out;
}

}  // namespace godwit
