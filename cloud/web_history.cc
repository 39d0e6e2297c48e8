#include "cloud/web_history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t usual_range_ms = std::int64_t{15} * 60'000;
constexpr std::int64_t usual_points = 300;
// A sample stands for so long at least: collectors have periods of their own.
constexpr std::int64_t least_window_s = 30;
constexpr std::int64_t least_rate_window_s = 60;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Series of one name are asked for together.
struct Question {
  WebView view = WebView::value;
  std::vector<std::string> wanted;  // ids
};
using Questions = std::map<std::string, Question>;  // by metric

Questions questions_of(const WebMemory& memory, std::string_view node,
                       std::span<const Series> ids) {
  Questions out;
  const auto add = [&](const Series& series) {
    const auto about = describe_web_series(series);
    if (!about) return;  // it is not shown
    Question& question = out[series.name];
    question.view = about->view;
    question.wanted.push_back(format_series(series));
  };
  for (const auto& series : ids) add(series);
  if (!ids.empty()) return out;
  for (const auto& id : memory.ids(node)) {
    if (const auto series = parse_web_id(id)) add(*series);
  }
  return out;
}

class DatabaseHistory {
 public:
  DatabaseHistory(const HistoryOptions& database, std::string_view node, const WebRange& range)
      : database_(database),
        range_(range),
        selector_(selector_of(database, {{"instance", std::string(node)}})) {
    for (std::int64_t t = range.from_ms; t <= range.to_ms; t += range.step_ms) {
      out_.times.push_back(t);
    }
    out_.step_ms = range.step_ms;
  }

  Status ask(const Questions& questions) {
    std::string names;
    for (const auto& [name, question] : questions) {
      if (question.view == WebView::value) names += concat(names.empty() ? "" : "|", name);
    }
    if (!names.empty()) {
      const std::string all = concat("last_over_time({", selector_, "__name__=~",
                                     quote_label(names), "}[", window(least_window_s), "])");
      if (Status status = ask(all, {}, questions); !status) return status;
    }
    for (const auto& [name, question] : questions) {
      if (question.view == WebView::value) continue;
      const std::string rate = concat("rate({", selector_, "__name__=", quote_label(name), "}[",
                                      window(least_rate_window_s), "])");
      if (Status status = ask(rate, name, questions); !status) return status;
    }
    return {};
  }

  WebHistory take() { return std::move(out_); }

 private:
  [[nodiscard]] std::string window(std::int64_t least_s) const {
    return concat(std::max(least_s, (range_.step_ms + 999) / 1000), "s");
  }

  // `rate_of`: the name, which rates do not have.
  Status ask(std::string_view expression, std::string_view rate_of, const Questions& questions) {
    const auto answer =
        query_range(database_, {range_.from_ms, range_.to_ms, range_.step_ms}, expression);
    if (!answer) return answer.error();
    for (const auto& [labels, points] : answer->series()) {
      Series series;
      series.name = rate_of;
      for (const auto& label : labels) {
        if (label.name == "__name__") series.name = label.value;
        if (!is_label_of_relay(label.name, database_.target)) series.labels.push_back(label);
      }
      const auto question = questions.find(series.name);
      if (question == questions.end()) continue;
      const std::string id = format_series(series);
      const auto& wanted = question->second.wanted;
      if (std::find(wanted.begin(), wanted.end(), id) != wanted.end()) {
        add(id, question->second.view, points);
      }
    }
    return {};
  }

  void add(const std::string& id, WebView view, const StoredSamples::Points& points) {
    WebHistory::Row row{id, std::vector<double>(out_.times.size(), unknown)};
    for (const auto& [time_ms, value] : points) {
      const std::int64_t index = (time_ms - range_.from_ms) / range_.step_ms;
      if (index < 0 || index >= static_cast<std::int64_t>(row.values.size())) continue;
      row.values[static_cast<std::size_t>(index)] =
          view == WebView::rest_of_one ? std::clamp(1 - value, 0.0, 1.0) : value;
    }
    out_.rows.push_back(std::move(row));
  }

  const HistoryOptions& database_;
  const WebRange range_;
  const std::string selector_;
  WebHistory out_;
};

void write_stretches(JsonWriter& json, std::string_view key,
                     const std::vector<WebStretch>& stretches) {
  json.key(key);
  json.begin_array();
  for (const auto& stretch : stretches) {
    json.begin_array();
    json.value(stretch.from_ms);
    json.value(stretch.to_ms);
    if (stretch.step_s > 0) json.value(std::round(stretch.step_s * 10) / 10);
    json.end_array();
  }
  json.end_array();
}

std::string write_history(const WebHistory& history, std::string_view source) {
  JsonWriter json;
  json.begin_object();
  json.member("source", source);
  json.member("step_s", static_cast<double>(history.step_ms) / 1000);
  json.key("times");
  json.begin_array();
  for (const auto time_ms : history.times) json.value(time_ms);
  json.end_array();
  json.key("series");
  json.begin_array();
  for (const auto& row : history.rows) {
    json.begin_object();
    json.member("id", row.id);
    json.key("values");
    json.begin_array();
    for (const double value : row.values) write_float(json, value);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  write_stretches(json, "backfilled", history.backfilled);
  write_stretches(json, "thinned", history.thinned);
  json.end_object();
  return json.text();
}

}  // namespace

Result<WebRange> choose_range(const WebQuery& query, std::int64_t now_ms) {
  WebRange range;
  range.to_ms = query.to_ms.value_or(now_ms);
  range.from_ms = query.from_ms.value_or(std::max<std::int64_t>(0, range.to_ms - usual_range_ms));
  if (range.from_ms > range.to_ms) {
    return Error{ErrorCode::invalid, "from_ms is later than to_ms"};
  }
  const std::int64_t length_ms = range.to_ms - range.from_ms;
  const std::int64_t least_ms = length_ms / (max_web_points - 1) + 1;
  const std::int64_t step_ms = std::max(least_ms, query.step_ms.value_or(length_ms / usual_points));
  range.step_ms = std::max<std::int64_t>(1000, (step_ms + 999) / 1000 * 1000);
  // The same moments whenever it is asked.
  range.from_ms = (range.from_ms + range.step_ms - 1) / range.step_ms * range.step_ms;
  range.to_ms = range.to_ms / range.step_ms * range.step_ms;
  range.from_ms = std::min(range.from_ms, range.to_ms);
  return range;
}

Result<std::string> describe_history(const WebMemory& memory, const HistoryOptions& database,
                                     std::string_view node, const WebRange& range,
                                     std::span<const Series> ids) {
  const auto begin_ms = memory.begin_ms(node);
  if (!database.get || (begin_ms && range.from_ms + range.step_ms >= *begin_ms)) {
    std::vector<std::string> names;
    for (const auto& series : ids) names.push_back(format_series(series));
    WebHistory history = memory.read(node, range, names);
    memory.add_stretches(node, range, history);
    return write_history(history, "memory");
  }
  DatabaseHistory asked(database, node, range);
  if (Status status = asked.ask(questions_of(memory, node, ids)); !status) return status.error();
  WebHistory history = asked.take();
  memory.add_stretches(node, range, history);
  return write_history(history, "database");
}

}  // namespace godwit
