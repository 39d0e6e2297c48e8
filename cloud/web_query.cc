#include "cloud/web_query.h"

#include <algorithm>
#include <cmath>

#include "cloud/web_series.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t max_events = 2000;
constexpr std::int64_t newest_ms = 253'402'300'799'000;  // of the year 9999
constexpr double max_step_s = 31 * 86'400.0;

Error wrong(std::string_view key, std::string_view value, std::string_view expected) {
  return {ErrorCode::invalid, concat(key, "=", quote_for_message(value), ": expected ", expected)};
}

// As forms and URLSearchParams write it.
std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && text.size() - i > 2
                          ? parse_int<unsigned>(text.substr(i + 1, 2), 16)
                          : std::nullopt;
    if (byte) {
      out += static_cast<char>(*byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Status take_moment(std::string_view key, std::string_view value, std::optional<std::int64_t>& out) {
  const auto ms = parse_int(value);
  if (!ms || *ms < 0 || *ms > newest_ms) return wrong(key, value, "milliseconds since 1970");
  out = *ms;
  return {};
}

Status take_id(std::string_view value, std::vector<Series>& out) {
  auto series = parse_web_id(value);
  if (!series) return wrong("id", value, "a series as in Reading.id");
  if (out.size() == max_web_ids) return Error{ErrorCode::invalid, "more than 32 ids"};
  out.push_back(std::move(*series));
  return {};
}

Status take(std::string_view key, std::string_view value, WebQuery& out) {
  if (key == "from_ms") return take_moment(key, value, out.from_ms);
  if (key == "to_ms") return take_moment(key, value, out.to_ms);
  if (key == "id") return take_id(value, out.ids);
  if (key == "limit") {
    const auto limit = parse_int(value);
    if (!limit || *limit < 1 || *limit > max_events) return wrong(key, value, "1 to 2000");
    out.limit = *limit;
  } else if (key == "node") {
    if (!value.empty() && !check_node_name(value)) return wrong(key, value, "the name of a node");
    out.node = value;
  } else if (key == "step_s") {
    const auto step_s = parse_double(value);
    if (!step_s || !(*step_s > 0) || *step_s > max_step_s) return wrong(key, value, "seconds");
    out.step_ms = std::max<std::int64_t>(1000, std::llround(*step_s * 1000));
  }
  return {};
}

}  // namespace

Result<WebQuery> parse_web_query(std::string_view query) {
  WebQuery out;
  if (query.empty()) return out;
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string value = decode(pair.substr(equals + 1));
    if (Status taken = take(pair.substr(0, equals), value, out); !taken) return taken.error();
  }
  return out;
}

}  // namespace godwit
