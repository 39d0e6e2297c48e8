// The metric model that both sides share: Series, Sample, Batch.
//
// A series is a name, sorted labels and a kind. Values are doubles in base units (seconds, bytes,
// ratios 0-1, hertz, celsius, watts). What is not known has no sample: never 0, -256 or NaN as a
// stand-in. Names come from the one table in catalog.h.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit {

// Numbers are part of the wire format (FRAME.md); never renumber.
enum class Kind : std::uint8_t { gauge = 0, counter = 1, info = 2, stateset = 3 };

struct Label {
  std::string name;
  std::string value;

  auto operator<=>(const Label&) const = default;  // NOLINT(modernize-use-nullptr)
};
using Labels = std::vector<Label>;

struct Series {
  std::string name;
  Labels labels;  // sorted by name, no name twice, no empty name or value
  Kind kind = Kind::gauge;

  bool operator==(const Series&) const = default;
};

struct SeriesHash {
  std::size_t operator()(const Series& series) const;
};

struct Sample {
  Series series;
  double value = 0;
};

// Prometheus' marker "this series has ended": the one NaN that is passed on bit for bit.
inline constexpr std::uint64_t stale_marker_bits = 0x7ff0'0000'0000'0002;
inline constexpr double stale_marker = std::bit_cast<double>(stale_marker_bits);
inline bool is_stale_marker(double value) {
  return std::bit_cast<std::uint64_t>(value) == stale_marker_bits;
}

// `name{a="b",c="d"}` with Prometheus escaping; just `name` when there are no labels.
std::string format_series(const Series& series);

// The samples of one moment. Whoever fills it owns it.
class Batch {
 public:
  // Kind is looked up in the catalog; a name that the catalog does not have is a mistake of the
  // caller (assert) and becomes a gauge. Labels may come in any order; labels with an empty value
  // are left out, and NaN adds nothing: both mean "not known".
  void add(std::string_view name, Labels labels, double value);
  void add(std::string_view name, double value) { add(name, {}, value); }
  // Where the kind is known.
  void add(std::string_view name, Labels labels, double value, Kind kind);
  // A series that is not ours (scraped, textfile), as it is: NaN is a value there. Its labels must
  // be as Series says.
  void add_foreign(Series series, double value) { samples_.push_back({std::move(series), value}); }
  // A series that is not ours has ended.
  void end_foreign(Series series) { add_foreign(std::move(series), stale_marker); }
  // A constant-1 series whose labels are the information.
  void add_info(std::string_view name, Labels labels) { add(name, std::move(labels), 1); }
  void append(Batch&& other);
  template <class Predicate>
  void remove_if(Predicate predicate) {
    std::erase_if(samples_, predicate);
  }

  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }
  [[nodiscard]] std::vector<Sample> take() { return std::move(samples_); }
  [[nodiscard]] bool empty() const { return samples_.empty(); }
  [[nodiscard]] std::size_t size() const { return samples_.size(); }
  void clear() { samples_.clear(); }

 private:
  std::vector<Sample> samples_;
};

}  // namespace godwit
