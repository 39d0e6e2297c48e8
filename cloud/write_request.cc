#include "cloud/write_request.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>
#include <snappy.h>

#include "transport/text.h"

namespace godwit {
namespace {

// Field numbers of prometheus/prompb: WriteRequest.timeseries, TimeSeries.labels and .samples,
// Label.name and .value, Sample.value and .timestamp.
constexpr protozero::pbf_tag_type timeseries_field = 1;
constexpr protozero::pbf_tag_type labels_field = 1;
constexpr protozero::pbf_tag_type samples_field = 2;
constexpr protozero::pbf_tag_type name_field = 1;
constexpr protozero::pbf_tag_type value_field = 2;
constexpr protozero::pbf_tag_type timestamp_field = 2;

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

// A TimeSeries taken apart, with views into its body.
struct SeriesView {
  std::string_view whole;  // the content of the field
  std::vector<std::pair<std::int64_t, std::string_view>> samples;
  std::vector<std::string_view> labels;
};

std::string_view to_view(protozero::data_view data) { return {data.data(), data.size()}; }

std::int64_t sample_time(std::string_view sample) {
  protozero::pbf_reader reader(sample.data(), sample.size());
  std::int64_t time = 0;
  while (reader.next()) {
    if (reader.tag() == timestamp_field) {
      time = reader.get_int64();
    } else {
      reader.skip();
    }
  }
  return time;
}

SeriesView read_series(std::string_view whole) {
  SeriesView series;
  series.whole = whole;
  protozero::pbf_reader reader(whole.data(), whole.size());
  while (reader.next()) {
    const auto field = reader.tag();
    const auto view = to_view(reader.get_view());
    if (field == labels_field) {
      series.labels.push_back(view);
    } else {
      series.samples.emplace_back(sample_time(view), view);
    }
  }
  return series;
}

std::vector<SeriesView> read_body(std::string_view body) {
  std::vector<SeriesView> all;
  protozero::pbf_reader reader(body.data(), body.size());
  while (reader.next(timeseries_field)) all.push_back(read_series(to_view(reader.get_view())));
  return all;
}

void write_whole(protozero::pbf_writer& writer, std::string_view series) {
  writer.add_message(timeseries_field, series.data(), series.size());
}

// The samples of `series` for which `keep(time)` holds; nothing when there are none.
template <class Keep>
void write_some(protozero::pbf_writer& writer, const SeriesView& series, Keep keep) {
  if (std::none_of(series.samples.begin(), series.samples.end(),
                   [&](const auto& sample) { return keep(sample.first); })) {
    return;
  }
  protozero::pbf_writer part(writer, timeseries_field);
  for (const auto label : series.labels) {
    part.add_message(labels_field, label.data(), label.size());
  }
  for (const auto& [time, sample] : series.samples) {
    if (keep(time)) part.add_message(samples_field, sample.data(), sample.size());
  }
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
  for (const auto& one : series) {
    protozero::pbf_writer writer(bytes_);
    for (const auto& [name, value] : complete_labels(one, node, target)) {
      protozero::pbf_writer label(writer, labels_field);
      label.add_string(name_field, name);
      label.add_string(value_field, value);
    }
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  bytes_.shrink_to_fit();
}

const EncodedLabels& LabelCache::find_or_encode(std::string_view node, SchemaId schema,
                                                const std::vector<Series>& series) {
  std::string key = concat(schema, "/", node);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().labels;
  }
  entries_.push_front({std::move(key), EncodedLabels(series, node, target_)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().labels.memory();
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().labels.memory();
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  return entries_.front().labels;
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

std::optional<BodyHalves> halve_by_time(std::string_view body) {
  const auto all = read_body(body);
  std::vector<std::int64_t> times;
  for (const auto& series : all) {
    for (const auto& sample : series.samples) times.push_back(sample.first);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  if (times.size() < 2) return std::nullopt;
  const std::int64_t middle = times[times.size() / 2];
  BodyHalves halves;
  protozero::pbf_writer older(halves.first);
  protozero::pbf_writer newer(halves.second);
  for (const auto& series : all) {
    write_some(older, series, [&](std::int64_t time) { return time < middle; });
    write_some(newer, series, [&](std::int64_t time) { return time >= middle; });
  }
  return halves;
}

std::optional<BodyHalves> halve_by_series(std::string_view body) {
  const auto all = read_body(body);
  if (all.size() < 2) return std::nullopt;
  BodyHalves halves;
  protozero::pbf_writer first(halves.first);
  protozero::pbf_writer second(halves.second);
  for (std::size_t i = 0; i < all.size(); ++i) {
    write_whole(i < all.size() / 2 ? first : second, all[i].whole);
  }
  return halves;
}

std::size_t count_samples(std::string_view body) {
  std::size_t samples = 0;
  for (const auto& series : read_body(body)) samples += series.samples.size();
  return samples;
}

std::vector<std::string> split_series(std::string_view body) {
  std::vector<std::string> parts;
  for (const auto& series : read_body(body)) {
    std::string part;
    protozero::pbf_writer writer(part);
    write_whole(writer, series.whole);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace godwit
