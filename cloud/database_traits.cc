#include "cloud/database_traits.h"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "transport/text.h"

namespace godwit {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t second = 1000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t longest_ms = std::int64_t{366'000} * day;

// data.<member> of an answer of Prometheus' API; "" when there is none.
std::string read_data(const HttpReply& reply, const char* member) {
  const Json json = Json::parse(reply.body, nullptr, false);
  if (!json.is_object() || !json.contains("data")) return "";
  const Json& data = json["data"];
  if (!data.is_object() || !data.contains(member) || !data[member].is_string()) return "";
  return data[member].get<std::string>();
}

// What follows `key` on the first line that begins with it, without quotes.
std::optional<std::string_view> find_line(std::string_view text, std::string_view key) {
  for (const auto line : split_lines(text)) {
    auto rest = trim(line);
    if (!rest.starts_with(key)) continue;
    rest = trim(rest.substr(key.size()));
    if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
      rest = rest.substr(1, rest.size() - 2);
    }
    return rest;
  }
  return std::nullopt;
}

// Nothing else sends the header, but vmagent and vmauth do, too: what is behind them is not known.
Result<std::optional<DatabaseTraits>> ask_victoria_metrics(const HttpGet& get) {
  const auto reply = get("/flags");
  if (!reply) return reply.error();
  if (reply->server_hostname.empty()) return std::optional<DatabaseTraits>{};
  DatabaseTraits traits;
  const std::string_view flags = reply->status == 200 ? std::string_view(reply->body) : "";
  if (find_line(flags, "-remoteWrite.url=") || find_line(flags, "-auth.config=")) {
    traits.product = "a proxy of VictoriaMetrics";
    return std::optional(traits);
  }
  traits.product = "VictoriaMetrics";
  traits.out_of_order_ok = true;
  traits.order_is_known = true;
  // The cluster's insert nodes do not know how long the storage keeps.
  if (reply->status == 200 && !find_line(flags, "-storageNode=")) {
    traits.retention_ms =
        parse_retention(find_line(flags, "-retentionPeriod=").value_or("1")).value_or(0);
  }
  if (const auto flag = find_line(flags, "-maxBackfillAge=")) {
    const std::int64_t age_ms = parse_retention(*flag).value_or(0);
    if (age_ms > 0 && (traits.retention_ms == 0 || age_ms < traits.retention_ms)) {
      traits.retention_ms = age_ms;
    }
  }
  traits.out_of_order_window_ms = traits.retention_ms;
  return std::optional(traits);
}

template <class Units>
std::optional<std::pair<double, std::string_view>> read_amount(std::string_view& text,
                                                               const Units& units) {
  const auto digits = text.find_first_not_of("0123456789.");
  const auto number = parse_double(text.substr(0, digits));
  if (!number || *number < 0) return std::nullopt;
  text.remove_prefix(digits == std::string_view::npos ? text.size() : digits);
  std::string_view unit;
  for (const auto& [name, ms] : units) {
    if (text.starts_with(name) && name.size() > unit.size()) unit = name;
  }
  text.remove_prefix(unit.size());
  return std::pair(*number, unit);
}

template <class Units>
double length_of(const Units& units, std::string_view unit) {
  for (const auto& [name, ms] : units) {
    if (name == unit) return static_cast<double>(ms);
  }
  return 0;
}

}  // namespace

std::optional<std::int64_t> parse_prometheus_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> units{
      {{"ms", 1},
       {"s", second},
       {"m", 60 * second},
       {"h", hour},
       {"d", day},
       {"w", 7 * day},
       {"y", 365 * day}}};
  double total = 0;
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const auto amount = read_amount(text, units);
    if (!amount || amount->second.empty()) return std::nullopt;
    total += amount->first * length_of(units, amount->second);
  }
  if (!(total <= static_cast<double>(longest_ms))) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

std::optional<std::int64_t> parse_retention(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> units{
      {{"ms", 1},
       {"s", second},
       {"m", 60 * second},
       {"h", hour},
       {"d", day},
       {"w", 7 * day},
       {"M", 31 * day},
       {"y", 365 * day}}};
  const auto amount = read_amount(text, units);
  if (!amount || !text.empty()) return std::nullopt;
  const double unit =
      amount->second.empty() ? static_cast<double>(31 * day) : length_of(units, amount->second);
  const double total = amount->first * unit;
  if (!(total <= static_cast<double>(longest_ms))) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

std::string derive_query_url(std::string_view write_url) {
  const auto without = [&](std::string_view end) {
    return std::string(write_url.substr(0, write_url.size() - end.size()));
  };
  constexpr std::string_view write = "/api/v1/write";
  constexpr std::string_view push = "/api/v1/push";
  if (write_url.ends_with(write)) return without(write);
  if (write_url.ends_with(push)) return without(push) + "/prometheus";
  return "";
}

Result<DatabaseTraits> learn_traits(const HttpGet& get) {
  const auto victoria = ask_victoria_metrics(get);
  if (!victoria) return victoria.error();
  if (victoria->has_value()) return **victoria;

  const auto build = get("/api/v1/status/buildinfo");
  if (!build) return build.error();
  const std::string version = build->status == 200 ? read_data(*build, "version") : "";
  if (version.empty()) {
    return Error{ErrorCode::unavailable,
                 concat("/api/v1/status/buildinfo answers with HTTP status ", build->status)};
  }
  DatabaseTraits traits;
  const std::string application = read_data(*build, "application");
  traits.product = concat(application.empty() ? "Prometheus" : application, " ", version);
  if (!application.empty()) return traits;

  const auto config = get("/api/v1/status/config");
  if (!config) return config.error();
  const std::string yaml = config->status == 200 ? read_data(*config, "yaml") : "";
  if (yaml.empty()) return traits;
  const auto window = find_line(yaml, "out_of_order_time_window:");
  traits.out_of_order_window_ms = window ? parse_prometheus_duration(*window).value_or(0) : 0;
  traits.out_of_order_ok = traits.out_of_order_window_ms > 0;
  traits.order_is_known = true;
  return traits;
}

}  // namespace godwit
