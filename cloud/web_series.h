// What a series is to the people who look at the page: where it stands, its short label, its unit,
// and whether it is drawn. One table over canonical names; what is not in it is not shown. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transport/metric.h"

namespace godwit {

// How the shown value comes from the samples.
enum class WebView : std::uint8_t {
  value,
  rate,         // of a counter, per second
  rest_of_one,  // 1 - rate: what is not idle
};

struct WebSeries {
  bool of_device = false;  // an accelerator's, named by its labels hw_type and hw_id
  std::string_view group;  // title; "" of devices
  std::string label;
  std::string_view unit;  // "ratio", "celsius", "bytes_per_second", ...; "" for plain counts
  WebView view = WebView::value;
  bool chart = false;
};

// nullopt: it is not shown.
std::optional<WebSeries> describe_web_series(const Series& series);

// A series' text as in Reading.id, taken apart. nullopt: it is none, or not within the bounds of
// schema.h.
std::optional<Series> parse_web_id(std::string_view text);

}  // namespace godwit
