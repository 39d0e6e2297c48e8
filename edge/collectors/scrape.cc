#include "edge/collectors/scrape.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fnmatch.h>

#include "edge/collectors/foreign_series.h"
#include "edge/http_get.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Format = ExpositionParser::Format;

// Read as it comes, never held whole.
constexpr std::size_t max_body_bytes = 16U << 20;
constexpr std::string_view accept =
    "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1";

bool matches(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

bool has_label(const Labels& labels, std::string_view name) {
  return std::any_of(labels.begin(), labels.end(),
                     [&](const Label& label) { return label.name == name; });
}

class Scrape final : public Collector {
 public:
  Scrape(const Host& host, const CollectorSettings& settings)
      : host_(host),
        target_(settings.target),
        deadline_(settings.deadline),
        labels_(with_target_label(target_)),
        series_(settings.max_series) {}

  Status collect(Batch& out) override {
    series_.begin(host_.now().boot_ms);
    const Status status = read();
    if (status) {
      series_.keep_part();
    } else {
      series_.drop_part();
    }
    const std::size_t samples = series_.finish(out);
    const auto dropped = [&](const char* reason, std::uint64_t count) {
      out.add("godwit_scrape_dropped_samples_total", {{"target", target_.name}, {"reason", reason}},
              static_cast<double>(count));
    };
    out.add("godwit_scrape_samples", {{"target", target_.name}}, static_cast<double>(samples));
    dropped("max_series", series_.dropped().max_series);
    dropped("invalid", series_.dropped().invalid);
    dropped("same_series", series_.dropped().same_series);
    if (status) return {};
    // A target that was asked for should be there: its absence is a fault.
    const bool absent = status.error().code == ErrorCode::no_data;
    return Error{absent ? ErrorCode::unavailable : status.error().code, status.error().message};
  }

 private:
  static Labels with_target_label(const ScrapeTarget& target) {
    Labels labels = target.labels;
    if (!has_label(labels, "target")) labels.push_back({"target", target.name});
    return labels;
  }

  Status read() {
    std::optional<ExpositionParser> parser;
    const auto open_parser = [&](const HttpAnswer& head) -> Status {
      if (parser) return {};
      const auto format = ExpositionParser::format_of(head.content_type);
      if (!format) {
        return Error{ErrorCode::invalid, concat("these are no metrics: Content-Type is ",
                                                quote_for_message(head.content_type, 60))};
      }
      parser.emplace(*format, [this](ExposedSample&& sample) {
        take(std::move(sample));
        return Status();
      });
      return {};
    };
    HttpGetOptions options;
    options.accept = accept;
    options.deadline = deadline_;
    options.max_body_bytes = max_body_bytes;
    options.loopback_only = false;
    options.sink = [&](const HttpAnswer& head, std::string_view piece) -> Status {
      if (Status status = open_parser(head); !status) return status;
      return parser->feed(piece);
    };
    const auto answer = http_get(target_.url, options);
    if (!answer) return answer.error();
    Status status = open_parser(*answer);
    if (status) status = parser->finish();
    return status ? status : status.error().with_prefix(target_.url);
  }

  void take(ExposedSample&& sample) {
    const std::string& name = sample.series.name;
    if (!target_.keep.empty() && !matches(target_.keep, name)) return;
    if (matches(target_.drop, name)) return;
    add_labels(sample.series.labels);
    series_.gather(std::move(sample));
  }

  // Ours win; the exporter's own of the same name becomes exported_<name>, as Prometheus does it.
  void add_labels(Labels& labels) const {
    for (auto& label : labels) {
      if (!has_label(labels_, label.name)) continue;
      std::string name = label.name;
      do {
        name.insert(0, "exported_");
      } while (has_label(labels_, name) || has_label(labels, name));
      label.name = std::move(name);
    }
    labels.insert(labels.end(), labels_.begin(), labels_.end());
    std::sort(labels.begin(), labels.end());
  }

  const Host host_;
  const ScrapeTarget target_;
  const std::chrono::milliseconds deadline_;
  const Labels labels_;  // that every series gets
  ForeignSeries series_;
};

}  // namespace

std::unique_ptr<Collector> make_scrape(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<Scrape>(host, settings);
}

}  // namespace godwit
