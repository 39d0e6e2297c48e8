// ExpositionParser: the text that exporters serve, piece by piece, to samples: Prometheus text
// format 0.0.4 and OpenMetrics 1.0. Bounded and strict: text that breaks the format is an Error
// with its line. exposition.h writes what this reads. One thread; no I/O.
//
// Sources: prometheus.io/docs/instrumenting/exposition_formats, OpenMetrics 1.0 (openmetrics.io).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

// Histograms and summaries are plain series, as in Prometheus: x_bucket{le}, x_sum, x_count.
struct ExposedSample {
  // Labels sorted, without empty values; the kind from the TYPE line before it: buckets, counts and
  // sums are counters. Limits of schema.h are the receiver's to check.
  Series series;
  double value = 0;  // any NaN is the ordinary one
  bool has_time = false;
};

class ExpositionParser {
 public:
  enum class Format : std::uint8_t { prometheus, openmetrics };
  // Called for each sample. An Error ends the parsing.
  using Visit = std::function<Status(ExposedSample&& sample)>;

  static constexpr std::size_t max_line_bytes = 64U << 10;
  static constexpr std::size_t max_line_labels = 128;

  ExpositionParser(Format format, Visit visit) : format_(format), visit_(std::move(visit)) {}

  // nullopt: neither of the two. Text without a type is taken for Prometheus' own.
  static std::optional<Format> format_of(std::string_view content_type);

  Status feed(std::string_view piece);
  // Nothing more comes. OpenMetrics must have ended with `# EOF`.
  Status finish();

 private:
  Status take_line(std::string_view line);
  Status take_comment(std::string_view line);
  Status take_sample(std::string_view line);
  Status read_labels(std::string_view& rest, Labels& labels) const;
  [[nodiscard]] Kind kind_of(std::string_view name) const;
  [[nodiscard]] Error wrong(std::string_view what) const;

  const Format format_;
  const Visit visit_;
  std::string line_;  // the beginning of a line whose end has not come yet
  std::size_t line_number_ = 0;
  bool ended_ = false;
  // Of the last TYPE line.
  std::string family_, type_;
};

}  // namespace godwit
