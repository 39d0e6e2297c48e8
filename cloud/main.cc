// godwit-relay: `run` (default) takes readings from the broker and writes them to a database;
// `check` reads the settings and says whether they are right. Exit codes: 0, 1 (cannot go on),
// 78 (settings are wrong, EX_CONFIG).
#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cloud/api.h"
#include "cloud/eventbus_settings.h"
#include "cloud/kubeedge_rules.h"
#include "cloud/node_keeper.h"
#include "cloud/relay.h"
#include "cloud/relay_settings.h"
#include "cloud/ways.h"
#include "cloud/web.h"
#include "transport/exposition.h"
#include "transport/http_server.h"
#include "transport/log.h"
#include "transport/secret_file.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_config = 78;
constexpr std::int64_t step_ms = 250;  // how late a signal may be noticed
constexpr std::int64_t grace_ms = 10'000;
constexpr std::int64_t router_timeout_ms = 5000;
constexpr std::size_t web_workers = 4;

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) { stop_requested = true; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);  // settings are read once: a new start reads them anew
  signal(SIGPIPE, SIG_IGN);
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "relay";
  return name;
}

// What the relay hears from nodes by, and the server's way into it.
struct Hearing {
  std::unique_ptr<EventbusGateway> eventbus;  // nullptr: not wanted
  std::unique_ptr<Link> link;
};

Hearing make_hearing(const RelaySettings& settings, const std::atomic<bool>& cancel) {
  Hearing hearing;
  if (settings.broker_enabled) hearing.link = make_mqtt_link(settings.mqtt);
  if (settings.eventbus.router_url.empty()) return hearing;
  HttpClientOptions options;
  options.timeout_ms = router_timeout_ms;
  options.connect_timeout_ms = router_timeout_ms;
  options.cancelled = &cancel;
  std::vector<HttpCall> calls;
  for (std::size_t i = 0; i < settings.eventbus.connections; ++i) {
    calls.push_back(make_http_call(options));
  }
  hearing.eventbus = std::make_unique<EventbusGateway>(
      settings.eventbus, node_keys(settings.eventbus), std::move(calls));
  hearing.link = std::make_unique<Ways>(std::move(hearing.link), *hearing.eventbus);
  return hearing;
}

std::unique_ptr<KubeedgeRules> keep_rules(const RelaySettings& settings) {
  const EventbusSettings& eventbus = settings.eventbus;
  if (eventbus.router_url.empty() || !eventbus.manage_rules || settings.kubernetes.url.empty()) {
    return nullptr;
  }
  if (eventbus.target_url.empty()) {
    log::warning("kubeedge", "Rules are not kept: eventbus.target_url is not set");
    return nullptr;
  }
  RuleSettings rules;
  rules.rule_namespace = eventbus.rule_namespace;
  rules.up_topic = eventbus.up_topic;
  rules.target_url = eventbus.target_url;
  rules.down_path = eventbus.down_path;
  KubernetesClient client(settings.kubernetes.url,
                          make_http_call(kubernetes_http_options(settings.kubernetes)));
  return std::make_unique<KubeedgeRules>(std::move(client), rules);
}

std::unique_ptr<NodeKeeper> keep_nodes(const RelaySettings& settings, std::atomic<bool>& cancel) {
  const NodeLimits& wanted = settings.nodes.limits;
  if (!wanted.annotations && !wanted.conditions) return nullptr;
  HttpClientOptions http = kubernetes_http_options(settings.kubernetes);
  http.cancelled = &cancel;
  return std::make_unique<NodeKeeper>(
      KubernetesClient(settings.kubernetes.url, make_http_call(std::move(http))), settings.nodes,
      cancel, system_clock());
}

HttpResponse serve(const Relay& relay, const EventbusGateway* eventbus, const NodeKeeper* nodes,
                   const HttpRequest& request) {
  if (request.path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n"};
  const auto report = relay.report();
  if (request.path == "/metrics") {
    std::string metrics = report.metrics;
    if (eventbus != nullptr) metrics += expose_eventbus(eventbus->stats());
    if (nodes != nullptr) metrics += nodes->metrics();
    return {200, std::string(exposition_content_type), std::move(metrics)};
  }
  if (request.path == "/readyz") {
    if (!report.connected) return {503, "text/plain; charset=utf-8", "no broker\n"};
    if (!report.database_ok) return {503, "text/plain; charset=utf-8", "no database\n"};
    return {200, "text/plain; charset=utf-8", "ok\n"};
  }
  return {404, "text/plain; charset=utf-8", "/metrics, /healthz, /readyz\n"};
}

std::unique_ptr<HttpServer> start_server(const HttpServerOptions& options, std::string_view key,
                                         HttpServer::Handler handler) {
  if (options.listen.empty()) return nullptr;
  auto started = start_http_server(options, std::move(handler));
  if (started) return std::move(*started);
  // Readings matter more than showing them.
  log::error("http", started.error().with_prefix(key).message);
  return nullptr;
}

HistoryOptions history_options(const RelaySettings& settings, const std::atomic<bool>& cancel) {
  constexpr std::size_t max_reply_bytes = 32U << 20;
  HistoryOptions options;
  options.target = settings.target;
  if (settings.query.url.empty()) return options;
  HttpClientOptions http = settings.query;
  http.max_reply_bytes = max_reply_bytes;
  http.cancelled = &cancel;
  options.get = make_http_get(std::move(http));
  return options;
}

// Who may read is no matter to be lenient in: an Error ends the program.
Result<HttpServerOptions> web_options(const RelaySettings& settings) {
  HttpServerOptions options;
  options.listen = settings.web.listen;
  options.workers = web_workers;  // the database is asked
  options.read_only = true;
  options.headers = web_headers();
  if (!settings.web.token_file.empty()) {
    const auto tokens = read_secret_file(settings.web.token_file);
    if (!tokens) return tokens.error().with_prefix("web.auth.bearer_token_file");
  }
  if (settings.web.tls.cert.empty()) return options;
  auto wires = make_tls_wires(settings.web.tls);
  if (!wires) return wires.error().with_prefix("web.tls");
  options.wire = std::move(*wires);
  return options;
}

// All of them outlive the relay's last step. `web`: nullptr: nobody looks.
void observe(Relay& relay, NodeKeeper* nodes, LatestView& view, Web* web) {
  relay.observe(
      [nodes, web, &view](auto node, const Schema& schema, const Frame& frame) {
        if (nodes != nullptr) nodes->on_live(node, schema, frame);
        if (web == nullptr) return;
        view.on_live(node, schema, frame, system_clock()().wall_ms);
        web->on_live(node, schema, frame);
      },
      [web](auto node, const Schema& schema, const Frame& frame) {
        if (web != nullptr) web->on_history(node, schema, frame);
      },
      [nodes, web, &view](auto node, const NodePresence* presence, bool retained) {
        const bool online = presence != nullptr && presence->online;
        if (nodes != nullptr) nodes->on_presence(node, online);
        view.on_presence(node, online);
        if (web != nullptr) web->on_presence(node, presence, retained);
      });
}

std::vector<HttpPost> make_posts(const RelaySettings& settings) {
  std::vector<HttpPost> posts;
  for (std::size_t i = 0; i < settings.connections; ++i) {
    posts.push_back(make_http_post(settings.remote_write));
  }
  return posts;
}

int fail(const Error& error) {
  log::error("relay", error.message);
  return exit_failure;
}

int run(RelaySettings settings) {
  catch_signals();
  const auto web_listener = web_options(settings);
  if (!web_listener) return fail(web_listener.error());
  std::atomic<bool> cancel = false;
  settings.remote_write.cancelled = &cancel;
  HttpGet query;
  if (!settings.query.url.empty()) {
    settings.query.cancelled = &cancel;
    query = make_http_get(settings.query);
  }
  const Hearing hearing = make_hearing(settings, cancel);
  Relay relay(settings, *hearing.link, make_posts(settings), std::move(query), cancel,
              system_clock());
  std::atomic<bool> leave_nodes = false;
  const auto nodes = keep_nodes(settings, leave_nodes);
  LatestView view;
  const HistoryOptions history = history_options(settings, cancel);
  const Api api(view, {history, settings.api_from_database}, system_clock());
  std::optional<Web> web;
  if (!settings.web.listen.empty()) {
    const WebGuardOptions guard{settings.web.token_file, !settings.web.tls.client_ca.empty()};
    web.emplace(WebOptions{settings.name, web_assets(), history, settings.web.memory_bytes, guard},
                view, api, system_clock());
  }
  observe(relay, nodes.get(), view, web ? &*web : nullptr);

  HttpServerOptions http;
  http.listen = settings.http_listen;
  const auto server = start_server(
      http, "http.listen",
      [&relay, &hearing, &nodes, path = settings.eventbus.path](const HttpRequest& request) {
        const bool is_envelope = hearing.eventbus && request.path == path;
        return is_envelope ? hearing.eventbus->post(request)
                           : serve(relay, hearing.eventbus.get(), nodes.get(), request);
      });
  const auto web_server =
      start_server(*web_listener, "web.listen",
                   [&web](const HttpRequest& request) { return web->serve(request); });
  if (Status started = relay.start(); !started) return fail(started.error());
  const auto rules = keep_rules(settings);
  log::info(
      "relay", "started",
      {{"version", GODWIT_VERSION},
       {"broker", settings.broker_enabled ? concat(settings.mqtt.host, ":", settings.mqtt.port)
                                          : std::string("none")},
       {"eventbus", settings.eventbus.router_url},
       {"database", settings.remote_write.url}});
  while (!stop_requested) relay.step(step_ms);
  log::info("relay", "stopping");
  relay.stop(grace_ms);
  log::info("relay", "stopped");
  return 0;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  using namespace godwit;
  CLI::App app("Writes the readings of godwit-agents to a Prometheus remote-write database.",
               "godwit-relay");
  app.fallthrough();  // options may stand behind the command, too
  app.set_version_flag("--version", std::string("godwit-relay ") + GODWIT_VERSION);
  std::string config;
  app.add_option("--config", config,
                 std::string("Settings file; ") + default_relay_config + " if it exists")
      ->envname("GODWIT_CONFIG");
  app.add_subcommand("run", "Run until SIGTERM (the default)");
  const auto* check = app.add_subcommand("check", "Check the settings and exit");
  const auto* describe = app.add_subcommand("settings", "Print every setting as Markdown");
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_config;
  }

  if (describe->parsed()) {
    std::fputs(describe_settings(relay_settings_table()).c_str(), stdout);
    return 0;
  }
  if (config.empty() && access(default_relay_config, F_OK) == 0) config = default_relay_config;
  auto settings = load_relay_settings(config, process_environment(), host_name());
  if (!settings) {
    std::fprintf(stderr, "godwit-relay: %s\n", settings.error().message.c_str());
    return exit_config;
  }
  if (check->parsed()) {
    std::printf("settings are right: %s\n",
                config.empty() ? "no file, environment and defaults" : config.c_str());
    return 0;
  }
  log::start(settings->log_level, settings->log_format);
  return run(std::move(*settings));
}
