#include "edge/foreign_settings.h"

#include <algorithm>
#include <utility>

#include "edge/http_get.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t max_targets = 16;
constexpr std::size_t max_target_name = 24;
constexpr std::int64_t day_ms = 86'400'000;

bool is_target_name(std::string_view name) {
  return !name.empty() && name.size() <= max_target_name &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::vector<std::string> split_patterns(std::string_view text) {
  std::vector<std::string> patterns;
  for (const auto pattern : split(text, '|')) {
    if (!trim(pattern).empty()) patterns.emplace_back(trim(pattern));
  }
  return patterns;
}

Status set_duration(std::string_view text, std::int64_t min_ms, milliseconds& out) {
  const auto ms = parse_duration(text);
  if (!ms || *ms < min_ms || *ms > day_ms) {
    return Error{ErrorCode::invalid, concat("expected a duration of ", min_ms, "ms to 1d, got ",
                                            quote_for_message(text, 40))};
  }
  out = milliseconds(*ms);
  return {};
}

Status set_key(std::string_view key, std::string_view value, CollectorSettings& out) {
  constexpr std::string_view label = "labels.";
  if (key == "url") {
    out.target.url = value;
  } else if (key == "name") {
    out.target.name = value;
    if (!is_target_name(value)) {
      return Error{ErrorCode::invalid, "expected up to 24 of a-z, 0-9 and _"};
    }
  } else if (key == "interval") {
    return set_duration(value, 100, out.interval);
  } else if (key == "deadline") {
    return set_duration(value, 10, out.deadline);
  } else if (key == "keep") {
    out.target.keep = split_patterns(value);
  } else if (key == "drop") {
    out.target.drop = split_patterns(value);
  } else if (key.starts_with(label)) {
    const Series series{"x", {{std::string(key.substr(label.size())), std::string(value)}}};
    if (!is_valid(series) || series.labels.front().name == "__name__") {
      return Error{ErrorCode::invalid, "no proper name or value of a label"};
    }
    out.target.labels.push_back(series.labels.front());
  } else {
    return Error{ErrorCode::invalid,
                 "unknown; known are name, url, interval, deadline, labels, keep, drop"};
  }
  return {};
}

// `text`: a URL, `key=value` words, or lines of them, which may have blanks in their values.
Result<CollectorSettings> read_target(std::string_view text, const CollectorSettings& common) {
  CollectorSettings result = common;
  const auto words =
      text.find('\n') != std::string_view::npos ? split_lines(text) : split_blanks(text);
  for (const std::string_view word : words) {
    const bool bare = word.starts_with("http");
    const std::size_t equals = bare ? 0 : word.find('=');
    if (equals == std::string_view::npos) {
      return Error{ErrorCode::invalid,
                   concat("expected a URL or key=value, got ", quote_for_message(word, 60))};
    }
    const std::string_view key = bare ? std::string_view("url") : word.substr(0, equals);
    const std::string_view value = bare ? word : word.substr(equals + 1);
    if (Status set = set_key(key, value, result); !set) {
      return set.error().with_prefix(quote_for_message(key, 60));
    }
  }
  const auto url = parse_http_url(result.target.url);
  if (!url) return url.error().with_prefix("url");
  if (result.target.name.empty()) result.target.name = std::to_string(url->port);
  result.deadline = std::min(result.deadline, result.interval);
  return result;
}

}  // namespace

std::vector<Setting> foreign_settings(const CollectorSpec& spec) {
  std::vector<Setting> table;
  const auto key = [&](std::string_view name) {
    return concat("collectors.", spec.name, ".", name);
  };
  if (spec.name == "textfile") {
    table.push_back({.key = key("directories"),
                     .type = SettingType::list,
                     .help = "Where jobs leave *.prom files."});
  } else if (spec.name == "scrape") {
    table.push_back({.key = key("targets"),
                     .type = SettingType::list,
                     .help = "Exporters: `http://127.0.0.1:9400/metrics` or sections of name, url, "
                             "interval, deadline, labels, keep, drop (edge/collectors/README.md).",
                     .records = true});
  } else {
    return table;
  }
  table.push_back({.key = key("max_series"),
                   .type = SettingType::integer,
                   .fallback = std::to_string(spec.defaults.max_series),
                   .help = spec.name == "scrape"
                               ? "Different series of one target within an hour; more are counted."
                               : "Different series within an hour; more are counted.",
                   .min = 1,
                   .max = 20'000});
  return table;
}

Result<std::vector<CollectorSettings>> finalise_foreign(const Settings& settings,
                                                        const CollectorSpec& spec,
                                                        CollectorSettings common) {
  const auto key = [&](std::string_view name) {
    return concat("collectors.", spec.name, ".", name);
  };
  std::vector<CollectorSettings> all;
  if (spec.name != "textfile" && spec.name != "scrape") {
    all.push_back(std::move(common));
    return all;
  }
  common.max_series = static_cast<std::size_t>(settings.integer(key("max_series")));
  if (spec.name == "textfile") {
    common.directories = settings.list(key("directories"));
    if (!common.directories.empty()) all.push_back(std::move(common));
    return all;
  }
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::invalid, concat(key("targets"), ": ", what)};
  };
  for (const auto& text : settings.list(key("targets"))) {
    auto target = read_target(text, common);
    if (!target) return wrong(concat("item ", all.size() + 1, ": ", target.error().message));
    const std::string& name = target->target.name;
    if (std::any_of(all.begin(), all.end(),
                    [&](const CollectorSettings& s) { return s.target.name == name; })) {
      return wrong(concat("two are called ", name, "; give one another `name`"));
    }
    if (all.size() == max_targets) return wrong(concat("more than ", max_targets));
    all.push_back(std::move(*target));
  }
  return all;
}

}  // namespace godwit
