#include "cloud/write_request.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>
#include <snappy.h>

#include "transport/naming/name_plan.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Field numbers of prometheus/prompb: TimeSeries.labels, Label.name and .value.
constexpr protozero::pbf_tag_type labels_field = 1;
constexpr protozero::pbf_tag_type name_field = 1;
constexpr protozero::pbf_tag_type value_field = 2;

constexpr std::uint64_t ordinary_nan_bits = 0x7ff8'0000'0000'0001;

// One TimeSeries.samples field with its time filled in and a hole for the value.
struct SampleStamp {
  static constexpr std::size_t value_offset = 3;
  std::array<char, 24> bytes{};
  std::uint8_t size = 0;
};

SampleStamp make_stamp(std::int64_t time_ms) {
  const auto time = static_cast<std::uint64_t>(time_ms);  // int64 is a plain varint in protobuf
  SampleStamp stamp;
  char* out = stamp.bytes.data();
  *out++ = 0x12;  // samples, length-delimited
  *out++ = static_cast<char>(1 + 8 + 1 + protozero::length_of_varint(time));
  *out++ = 0x09;  // value, 64 bit
  out += 8;
  *out++ = 0x10;  // timestamp, varint
  out += protozero::write_varint(out, time);
  stamp.size = static_cast<std::uint8_t>(out - stamp.bytes.data());
  return stamp;
}

std::uint64_t wire_bits(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if (!std::isnan(value) || bits == stale_marker_bits) return bits;
  return ordinary_nan_bits;
}

bool is_target_label(std::string_view name, const Labels& target) {
  return std::any_of(target.begin(), target.end(),
                     [&](const Label& label) { return label.name == name; });
}

}  // namespace

Labels complete_labels(const Series& series, std::string_view node, const TargetLabels& target) {
  Labels fixed = {{"__name__", series.name}, {"instance", std::string(node)}};
  if (!target.job.empty()) fixed.push_back({"job", target.job});
  for (const auto& label : target.external) {
    if (!label.value.empty() && !is_target_label(label.name, fixed)) fixed.push_back(label);
  }
  Labels all = fixed;
  for (const auto& label : series.labels) {
    if (label.value.empty() || label.name == "__name__") continue;
    std::string name = label.name;
    while (is_target_label(name, fixed)) name.insert(0, "exported_");
    // Two own labels can meet under one name only when a series has both x and exported_x.
    while (name != label.name && is_target_label(name, series.labels)) name.insert(0, "exported_");
    all.push_back({std::move(name), label.value});
  }
  std::sort(all.begin(), all.end());
  return all;
}

EncodedLabels::EncodedLabels(const std::vector<Series>& series, std::string_view node,
                             const TargetLabels& target) {
  ends_.reserve(series.size());
  std::set<Labels> known;
  for (const auto& one : series) add(one, node, target, known);
  bytes_.shrink_to_fit();
}

void EncodedLabels::add(const Series& series, std::string_view node, const TargetLabels& target,
                        std::set<Labels>& known) {
  Labels labels = complete_labels(series, node, target);
  protozero::pbf_writer writer(bytes_);
  for (const auto& [name, value] : known.contains(labels) ? Labels{} : labels) {
    protozero::pbf_writer label(writer, labels_field);
    label.add_string(name_field, name);
    label.add_string(value_field, value);
  }
  add_nothing();
  known.insert(std::move(labels));
}

std::size_t NodeSeries::memory() const {
  std::size_t bytes = labels.memory() + newest_ms.capacity() * 8 + unwanted.capacity() * 4;
  for (const auto& formula : formulas) bytes += sizeof formula + formula.inputs.capacity() * 4;
  return bytes;
}

NodeSeries LabelCache::encode(std::string_view node, const std::vector<Series>& series) const {
  NodeSeries out;
  out.width = series.size();
  if (naming_.only_canonical()) {
    out.labels = EncodedLabels(series, node, target_);
    out.newest_ms.assign(series.size(), INT64_MIN);
    return out;
  }
  NamePlan plan = plan_names(series, node, naming_);
  const auto target_of = [&](const NameSet* set) {
    if (set == nullptr) return target_;
    TargetLabels target{std::string(set->job), target_.external};
    if (set->own_pod) {
      target.external.insert(target.external.begin(), plan.own_pod.begin(), plan.own_pod.end());
    }
    return target;
  };
  std::set<Labels> known;
  for (std::size_t c = 0; c < series.size(); ++c) {
    const NameSet* const set = plan.adopted.empty() ? nullptr : plan.adopted[c];
    if (set == nullptr && !naming_.canonical) {
      out.unwanted.push_back(static_cast<std::uint32_t>(c));
      out.labels.add_nothing();
    } else {
      out.labels.add(series[c], node, target_of(set), known);
    }
  }
  for (auto& named : plan.added) {
    out.labels.add(named.series, node, target_of(named.set), known);
    out.formulas.push_back(std::move(named.formula));
  }
  out.newest_ms.assign(out.labels.size(), INT64_MIN);
  return out;
}

NodeSeries* LabelCache::find(std::string_view node, SchemaId schema) {
  const auto found = by_key_.find(concat(schema, "/", node));
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &entries_.front().series;
}

NodeSeries& LabelCache::find_or_encode(std::string_view node, SchemaId schema,
                                       const std::vector<Series>& series) {
  if (NodeSeries* const known = find(node, schema)) return *known;
  entries_.push_front({concat(schema, "/", node), encode(node, series)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().series.memory();
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().series.memory();
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  return entries_.front().series;
}

std::size_t append_ticks(const Frame& frame, std::size_t begin, std::size_t end,
                         const EncodedLabels& labels, std::string& body) {
  assert(frame.columns.size() <= labels.size() && begin <= end && end <= frame.ticks());
  std::vector<SampleStamp> stamps;
  stamps.reserve(end - begin);
  for (std::size_t t = begin; t < end; ++t) stamps.push_back(make_stamp(frame.times_ms[t]));

  constexpr std::size_t head_bytes = 1 + 10;  // field tag and length of a TimeSeries
  std::size_t total = 0;
  for (std::size_t column = 0; column < frame.columns.size(); ++column) {
    if (labels[column].empty() || frame.columns[column].empty()) continue;
    const double* values = frame.columns[column].data() + begin;
    std::size_t size = 0;
    std::size_t samples = 0;
    for (std::size_t t = 0; t < stamps.size(); ++t) {
      if (is_absent(values[t])) continue;
      size += stamps[t].size;
      ++samples;
    }
    if (samples == 0) continue;
    total += samples;
    const auto label_bytes = labels[column];
    size += label_bytes.size();

    const std::size_t old_size = body.size();
    body.resize(old_size + head_bytes + size + sizeof(SampleStamp));
    char* out = body.data() + old_size;
    *out++ = 0x0a;  // timeseries, length-delimited
    out += protozero::write_varint(out, size);
    std::memcpy(out, label_bytes.data(), label_bytes.size());
    out += label_bytes.size();
    for (std::size_t t = 0; t < stamps.size(); ++t) {
      if (is_absent(values[t])) continue;
      const std::uint64_t bits = wire_bits(values[t]);
      std::memcpy(out, stamps[t].bytes.data(), stamps[t].bytes.size());
      std::memcpy(out + SampleStamp::value_offset, &bits, sizeof bits);
      out += stamps[t].size;
    }
    body.resize(static_cast<std::size_t>(out - body.data()));
  }
  return total;
}

std::string compress_bodies(std::span<const std::string_view> bodies) {
  std::string joined;
  std::string_view raw;
  if (bodies.size() == 1) {
    raw = bodies.front();
  } else {
    std::size_t size = 0;
    for (const auto body : bodies) size += body.size();
    joined.reserve(size);
    for (const auto body : bodies) joined += body;
    raw = joined;
  }
  std::string block;
  snappy::Compress(raw.data(), raw.size(), &block);
  return block;
}

}  // namespace godwit
