#include "cloud/request_parts.h"

#include <algorithm>
#include <utility>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace godwit {
namespace {

// Field numbers of prometheus/prompb: WriteRequest.timeseries, TimeSeries.labels and .samples,
// Label.name (its other field is the value), Sample.timestamp (likewise).
constexpr protozero::pbf_tag_type timeseries_field = 1;
constexpr protozero::pbf_tag_type labels_field = 1;
constexpr protozero::pbf_tag_type samples_field = 2;
constexpr protozero::pbf_tag_type name_field = 1;
constexpr protozero::pbf_tag_type timestamp_field = 2;

struct SampleView {
  std::int64_t time_ms = 0;
  double value = 0;
  std::string_view whole;  // the content of the field
};

// A TimeSeries taken apart, with views into its body.
struct SeriesView {
  std::string_view whole;  // the content of the field
  std::vector<SampleView> samples;
  std::vector<std::string_view> labels;
};

std::string_view to_view(protozero::data_view data) { return {data.data(), data.size()}; }

SampleView read_sample(std::string_view whole) {
  SampleView sample;
  sample.whole = whole;
  protozero::pbf_reader reader(whole.data(), whole.size());
  while (reader.next()) {
    if (reader.tag() == timestamp_field) {
      sample.time_ms = reader.get_int64();
    } else {
      sample.value = reader.get_double();
    }
  }
  return sample;
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
      series.samples.push_back(read_sample(view));
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

Labels read_labels(const SeriesView& series) {
  Labels labels;
  for (const auto field : series.labels) {
    Label label;
    protozero::pbf_reader reader(field.data(), field.size());
    while (reader.next()) {
      std::string& text = reader.tag() == name_field ? label.name : label.value;
      text = reader.get_string();
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

// The samples of `series` for which `keep(sample)` holds; nothing when there are none.
template <class Keep>
void write_some(protozero::pbf_writer& writer, const SeriesView& series, Keep keep) {
  if (std::none_of(series.samples.begin(), series.samples.end(), keep)) return;
  protozero::pbf_writer part(writer, timeseries_field);
  for (const auto label : series.labels) {
    part.add_message(labels_field, label.data(), label.size());
  }
  for (const auto& sample : series.samples) {
    if (keep(sample)) part.add_message(samples_field, sample.whole.data(), sample.whole.size());
  }
}

}  // namespace

std::optional<BodyHalves> halve_by_time(std::string_view body) {
  const auto all = read_body(body);
  std::vector<std::int64_t> times;
  for (const auto& series : all) {
    for (const auto& sample : series.samples) times.push_back(sample.time_ms);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  if (times.size() < 2) return std::nullopt;
  const std::int64_t middle = times[times.size() / 2];
  BodyHalves halves;
  protozero::pbf_writer older(halves.first);
  protozero::pbf_writer newer(halves.second);
  for (const auto& series : all) {
    write_some(older, series, [&](const SampleView& sample) { return sample.time_ms < middle; });
    write_some(newer, series, [&](const SampleView& sample) { return sample.time_ms >= middle; });
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

BodyExtent measure_body(std::string_view body) {
  BodyExtent extent;
  bool first = true;
  for (const auto& series : read_body(body)) {
    if (std::exchange(first, false)) extent.labels = read_labels(series);
    for (const auto& sample : series.samples) {
      extent.oldest_ms = std::min(extent.oldest_ms, sample.time_ms);
      extent.newest_ms = std::max(extent.newest_ms, sample.time_ms);
    }
  }
  return extent;
}

std::string leave_out(std::string_view body, const StoredSamples& stored) {
  std::string rest;
  protozero::pbf_writer writer(rest);
  for (const auto& series : read_body(body)) {
    const auto* const known = stored.find(read_labels(series));
    if (known == nullptr) {
      write_whole(writer, series.whole);
      continue;
    }
    write_some(writer, series, [&](const SampleView& sample) {
      return !StoredSamples::holds(*known, sample.time_ms, sample.value);
    });
  }
  return rest;
}

}  // namespace godwit
