#include "cloud/relay_settings.h"

#include <algorithm>
#include <random>

#include "cloud/database_traits.h"
#include "cloud/eventbus_settings.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Type = SettingType;

constexpr std::int64_t second = 1000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t mib = 1 << 20;

// clang-format off
std::vector<Setting> own_settings() {
  return {
      {.key = "name", .help = "Name of this relay in its state message; the host's name if not set."},
      {.key = "mqtt.share_group", .fallback = "relay",
       .help = "Relays of one group share the frames; each frame goes to one of them.", .required = true},
      {.key = "remote_write.url",
       .help = "Where the database takes Prometheus remote-write, e.g. http://prometheus:9090/api/v1/write.",
       .required = true},
      {.key = "remote_write.timeout", .type = Type::duration, .fallback = "30s",
       .help = "Time for one request.", .min = 100, .max = hour},
      {.key = "remote_write.connections", .type = Type::integer, .fallback = "4",
       .help = "Requests at once; never two with the same node.", .min = 1, .max = 64},
      {.key = "remote_write.retry_for", .type = Type::duration, .fallback = "10s",
       .help = "How long a failing request is tried before the nodes are told to come back later.",
       .min = 0, .max = hour},
      {.key = "remote_write.max_samples_per_request", .type = Type::integer, .fallback = "50000",
       .help = "Samples that are gathered into one request.", .min = 1, .max = 10'000'000},
      {.key = "remote_write.max_wait", .type = Type::duration, .fallback = "100ms",
       .help = "How long frames wait for company while another request runs.", .min = 0, .max = 10 * second},
      {.key = "remote_write.basic_auth.username", .help = "User at the database."},
      {.key = "remote_write.basic_auth.password_file", .help = "File with the password, read at each request."},
      {.key = "remote_write.bearer_token_file", .help = "File with a token, read at each request."},
      {.key = "remote_write.tls.ca", .help = "CA certificates (PEM); the system's if not set."},
      {.key = "remote_write.tls.cert", .help = "Client certificate (PEM), with remote_write.tls.key."},
      {.key = "remote_write.tls.key", .help = "Client key (PEM)."},
      {.key = "remote_write.tls.insecure_skip_verify", .type = Type::flag, .fallback = "false",
       .help = "Accept any certificate of the database."},
      {.key = "query_url",
       .help = "The database's query API without /api/v1, e.g. http://prometheus:9090; asked for what the database takes and has. "
               "Derived from remote_write.url if not set; off for never."},
      {.key = "queue.max_bytes", .type = Type::bytes, .fallback = "128MiB",
       .help = "Readings that wait in memory; beyond, nodes are told to come back later.", .min = mib},
      {.key = "job", .fallback = "godwit", .help = "Label job of every series; \"\" for none."},
      {.key = "external_labels", .type = Type::list,
       .help = "More labels for every series, each name=value."},
      {.key = "naming", .type = Type::list, .fallback = "canonical",
       .help = "Name sets to write: canonical, and names that other exporters use, for their dashboards and rules.",
       .choices = naming_choices()},
      {.key = "max_future", .type = Type::duration, .fallback = "5m",
       .help = "Samples that are further ahead of the relay's clock are dropped.", .min = 0, .max = day},
      {.key = "max_age", .type = Type::duration, .fallback = "0s",
       .help = "Samples that are older are dropped; 0s for no bound.", .min = 0, .max = 3650 * day},
      {.key = "out_of_order", .type = Type::choice, .fallback = "auto",
       .help = "Whether the database takes samples older than a series' last; auto asks it (see query_url), no until it has answered.",
       .choices = {"auto", "yes", "no"}},
      {.key = "clock", .type = Type::choice, .fallback = "yes",
       .help = "Whether nodes may take the time from this relay; auto asks the kernel if it is synchronised.",
       .choices = {"auto", "yes", "no"}},
      {.key = "http.listen", .fallback = ":9751",
       .help = "Address of /metrics, /healthz and /readyz; \"\" switches it off."},
      {.key = "api.source", .type = Type::choice, .fallback = "memory",
       .help = "Where the API has the present from: what this relay heard, or the database, which is the same for all relays.",
       .choices = {"memory", "database"}},
      {.key = "log.level", .type = Type::choice, .fallback = "info", .help = "Least level shown.",
       .choices = {"debug", "info", "warning", "error", "off"}},
      {.key = "log.format", .type = Type::choice, .fallback = "text",
       .help = "Lines for people or for machines.", .choices = {"text", "json"}},
  };
}
// clang-format on

bool is_label_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) && !name.starts_with("__") &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

Result<Labels> finalise_labels(const Settings& settings) {
  Labels labels;
  for (const auto& item : settings.list("external_labels")) {
    const auto equals = item.find('=');
    const std::string name = item.substr(0, equals);
    if (equals == std::string::npos || !is_label_name(name) || !is_utf8(item)) {
      return Error{ErrorCode::invalid, concat("external_labels: ", quote_for_message(item),
                                              " is not of the form name=value")};
    }
    if (name == "instance" || name == "job") {
      return Error{ErrorCode::invalid, concat("external_labels: ", name,
                                              " is set by the relay (`job` has its own key)")};
    }
    labels.push_back({name, item.substr(equals + 1)});
  }
  return labels;
}

Result<HttpClientOptions> finalise_remote_write(const Settings& settings) {
  HttpClientOptions http;
  http.url = settings.text("remote_write.url");
  if (Status status = check_http_url(http.url); !status) {
    return status.error().with_prefix("remote_write.url");
  }
  http.timeout_ms = settings.integer("remote_write.timeout");
  http.connect_timeout_ms = std::min(http.timeout_ms, http.connect_timeout_ms);
  http.username = settings.text("remote_write.basic_auth.username");
  http.password_file = settings.text("remote_write.basic_auth.password_file");
  http.bearer_token_file = settings.text("remote_write.bearer_token_file");
  http.ca_file = settings.text("remote_write.tls.ca");
  http.cert_file = settings.text("remote_write.tls.cert");
  http.key_file = settings.text("remote_write.tls.key");
  http.insecure_skip_verify = settings.flag("remote_write.tls.insecure_skip_verify");
  if (http.cert_file.empty() != http.key_file.empty()) {
    return Error{ErrorCode::invalid,
                 "remote_write.tls.cert and remote_write.tls.key must be set together"};
  }
  if (!http.username.empty() && !http.bearer_token_file.empty()) {
    return Error{ErrorCode::invalid,
                 "remote_write.basic_auth and remote_write.bearer_token_file exclude each other"};
  }
  return http;
}

// The same credentials and certificates as for writing.
Status finalise_query(const Settings& settings, RelaySettings& out) {
  constexpr std::int64_t max_timeout_ms = 10'000;
  constexpr std::size_t max_reply_bytes = 8U << 20;
  out.query = out.remote_write;
  out.query.timeout_ms = std::min(out.query.timeout_ms, max_timeout_ms);
  out.query.connect_timeout_ms = std::min(out.query.connect_timeout_ms, max_timeout_ms);
  out.query.max_reply_bytes = max_reply_bytes;
  out.query.url = settings.text("query_url");
  if (out.query.url.empty()) {
    out.query.url = derive_query_url(out.remote_write.url);
    return {};
  }
  if (out.query.url == "off") {
    out.query.url.clear();
    return {};
  }
  while (out.query.url.ends_with('/')) out.query.url.pop_back();
  const Status status = check_http_url(out.query.url);
  return status ? status : status.error().with_prefix("query_url");
}

Status finalise_database(const Settings& settings, RelaySettings& out) {
  auto http = finalise_remote_write(settings);
  if (!http) return http.error();
  out.remote_write = std::move(*http);
  out.connections = static_cast<std::size_t>(settings.integer("remote_write.connections"));
  out.retry_for_ms = settings.integer("remote_write.retry_for");
  out.max_samples_per_request =
      static_cast<std::size_t>(settings.integer("remote_write.max_samples_per_request"));
  out.max_wait_ms = settings.integer("remote_write.max_wait");
  out.max_queue_bytes = static_cast<std::size_t>(settings.integer("queue.max_bytes"));
  auto labels = finalise_labels(settings);
  if (!labels) return labels.error();
  out.target = {settings.text("job"), std::move(*labels)};
  auto naming = parse_naming(settings.list("naming"));
  if (!naming) return naming.error();
  out.naming = std::move(*naming);
  out.guards = {settings.integer("max_future"), settings.integer("max_age")};
  using OutOfOrder = RelaySettings::OutOfOrder;
  const std::string order = settings.text("out_of_order");
  out.out_of_order = order == "yes"  ? OutOfOrder::yes
                     : order == "no" ? OutOfOrder::no
                                     : OutOfOrder::automatic;
  return finalise_query(settings, out);
}

}  // namespace

std::vector<Setting> cloud_mqtt_settings() {
  auto table =
      mqtt_settings_table("Broker: mqtt:// or mqtts:// host:port.",
                          "Unique at the broker; made of name and a random part if not set.");
  for (auto& setting : table) {
    setting.required = setting.required || setting.key == "mqtt.url";
    // Until the broker notices that one of several relays hangs it gives it its share of the
    // frames.
    if (setting.key == "mqtt.keepalive") setting.fallback = "5s";
  }
  return table;
}

std::string unique_client_id(const std::string& name) {
  std::random_device device;
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(device());
  return concat(name, "-", to_hex(bytes));
}

std::vector<Setting> relay_settings_table() {
  auto table = own_settings();
  for (auto& setting : eventbus_settings_table()) table.push_back(std::move(setting));
  for (auto& setting : kubernetes_settings_table()) table.push_back(std::move(setting));
  for (auto& setting : web_settings_table()) table.push_back(std::move(setting));
  for (auto& setting : node_settings_table()) table.push_back(std::move(setting));
  for (auto& setting : cloud_mqtt_settings()) {
    if (setting.key == "mqtt.url") {
      setting.required = false;
      setting.help = "Broker: mqtt:// or mqtts:// host:port; \"\" for nodes behind EventBus alone.";
    }
    table.push_back(std::move(setting));
  }
  std::sort(table.begin(), table.end(),
            [](const Setting& a, const Setting& b) { return a.key < b.key; });
  return table;
}

namespace {

Status finalise_ways(const Settings& settings, RelaySettings& out) {
  auto eventbus = finalise_eventbus(settings);
  if (!eventbus) return eventbus.error();
  out.eventbus = std::move(*eventbus);
  auto kubernetes = finalise_kubernetes(settings);
  if (!kubernetes) return kubernetes.error();
  out.kubernetes = std::move(*kubernetes);
  out.nodes = finalise_nodes(settings);
  if ((out.nodes.limits.annotations || out.nodes.limits.conditions) && out.kubernetes.url.empty()) {
    return Error{
        ErrorCode::invalid,
        "kubernetes.annotations and kubernetes.conditions need kubernetes.url outside of a pod"};
  }
  out.broker_enabled = !settings.text("mqtt.url").empty();
  if (!out.broker_enabled) {
    if (!out.eventbus.router_url.empty()) return {};
    return Error{ErrorCode::invalid, "mqtt.url or eventbus.router_url must be set"};
  }
  auto mqtt = finalise_mqtt(settings, unique_client_id(concat("godwit-relay-", out.name)));
  if (!mqtt) return mqtt.error();
  out.mqtt = std::move(*mqtt);
  return {};
}

}  // namespace

Result<RelaySettings> load_relay_settings(const std::string& path, const Environment& environment,
                                          const std::string& host_name) {
  const auto table = relay_settings_table();
  const auto settings = Settings::load(table, path, environment);
  if (!settings) return settings.error();

  RelaySettings out;
  out.name = settings->text("name").empty() ? host_name : settings->text("name");
  if (Status status = finalise_ways(*settings, out); !status) return status.error();
  out.share_group = settings->text("mqtt.share_group");
  if (out.share_group.find_first_of("/+#") != std::string::npos) {
    return Error{ErrorCode::invalid, "mqtt.share_group must not contain '/', '+' or '#'"};
  }
  if (Status status = finalise_database(*settings, out); !status) return status.error();
  const std::string clock = settings->text("clock");
  using Trust = RelaySettings::ClockTrust;
  out.clock = clock == "yes" ? Trust::yes : clock == "no" ? Trust::no : Trust::automatic;
  out.http_listen = settings->text("http.listen");
  auto web = finalise_web(*settings);
  if (!web) return web.error();
  out.web = std::move(*web);
  out.api_from_database = settings->text("api.source") == "database";
  if (out.api_from_database && out.query.url.empty()) {
    return Error{ErrorCode::invalid, "api.source is database, but there is no query_url"};
  }
  const auto level = log::parse_level(settings->text("log.level"));
  if (!level) return level.error();
  const auto format = log::parse_format(settings->text("log.format"));
  if (!format) return format.error();
  out.log_level = *level;
  out.log_format = *format;
  return out;
}

}  // namespace godwit
