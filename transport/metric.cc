#include "transport/metric.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <iterator>

#include "transport/catalog.h"

namespace godwit {

std::size_t SeriesHash::operator()(const Series& series) const {
  const std::hash<std::string_view> hash;
  std::size_t h = hash(series.name);
  const auto mix = [&h](std::size_t v) { h ^= v + 0x9e3779b97f4a7c15U + (h << 6) + (h >> 2); };
  for (const auto& label : series.labels) {
    mix(hash(label.name));
    mix(hash(label.value));
  }
  return h;
}

std::string format_series(const Series& series) {
  std::string out = series.name;
  if (series.labels.empty()) return out;
  out += '{';
  for (const auto& label : series.labels) {
    if (out.back() != '{') out += ',';
    out += label.name;
    out += "=\"";
    for (const char c : label.value) {
      if (c == '\\' || c == '"') {
        out += '\\';
        out += c;
      } else if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  }
  out += '}';
  return out;
}

void Batch::add(std::string_view name, Labels labels, double value) {
  const MetricInfo* const info = find_metric(name);
  assert(info != nullptr && "add the metric to transport/catalog.cc");
  add(name, std::move(labels), value, info != nullptr ? info->kind : Kind::gauge);
}

void Batch::add(std::string_view name, Labels labels, double value, Kind kind) {
  if (std::isnan(value)) return;
  std::erase_if(labels, [](const Label& l) { return l.value.empty(); });
  if (!std::is_sorted(labels.begin(), labels.end())) std::sort(labels.begin(), labels.end());
  samples_.push_back({{std::string(name), std::move(labels), kind}, value});
}

void Batch::append(Batch&& other) {
  samples_.insert(samples_.end(), std::make_move_iterator(other.samples_.begin()),
                  std::make_move_iterator(other.samples_.end()));
  other.samples_.clear();
}

}  // namespace godwit
