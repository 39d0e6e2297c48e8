#include "cloud/web.h"

#include <chrono>
#include <utility>

#include "cloud/web_detail.h"
#include "cloud/web_history.h"
#include "cloud/web_query.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr auto refresh_interval = std::chrono::seconds(1);
constexpr std::string_view root = "/web/v1/";

HttpResponse answer(std::string json) {
  HttpResponse response;
  response.content_type = "application/json; charset=utf-8";
  response.body = std::move(json);
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

HttpResponse fail(int status, std::string_view message) {
  JsonWriter json;
  json.begin_object();
  json.member("error", message);
  json.end_object();
  HttpResponse response = answer(json.text());
  response.status = status;
  return response;
}

HttpResponse refuse(int status) {
  HttpResponse response = fail(status, status == 401 ? "a token or a client certificate is needed"
                                                     : "too many requests; try again later");
  response.headers.emplace_back(status == 401 ? "WWW-Authenticate" : "Retry-After",
                                status == 401 ? "Bearer" : "5");
  return response;
}

}  // namespace

HttpHeaders web_headers() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
           "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

Web::Web(WebOptions options, const LatestView& view, const Api& api, Clock clock)
    : options_(std::move(options)),
      view_(view),
      api_(api),
      clock_(std::move(clock)),
      started_ms_(clock_().wall_ms),
      guard_(options_.guard),
      events_(started_ms_),
      board_(view, events_),
      memory_(options_.memory_bytes) {
  events_.observe([this](const std::string& json) { hub_.send("log", json); });
  thread_ = std::thread([this] { run(); });
}

Web::~Web() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
  hub_.close_all();
}

void Web::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, refresh_interval, [this] { return stopping_; })) {
    lock.unlock();
    const std::int64_t now_ms = clock_().wall_ms;
    if (const std::string update = board_.refresh(now_ms); !update.empty()) {
      hub_.send("fleet", update);
    }
    hub_.keep_alive(steady_ms());
    lock.lock();
  }
}

void Web::on_live(std::string_view node, const Schema& schema, const Frame& frame) {
  board_.on_live(node, schema, frame, clock_().wall_ms);
  for (const auto& tick : memory_.on_live(node, schema, frame, hub_.watches(node))) {
    hub_.send_node(node, tick);
  }
}

void Web::on_history(std::string_view node, const Schema& schema, const Frame& frame) {
  board_.on_history(node, frame, clock_().wall_ms);
  memory_.on_history(node, schema, frame);
}

void Web::on_presence(std::string_view node, const NodePresence* presence, bool retained) {
  board_.on_presence(node, presence, retained, clock_().wall_ms);
  if (presence == nullptr) memory_.forget(node);
}

HttpResponse Web::serve(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n"};
  const bool is_api = path.starts_with("/api/") || path == "/health";
  const bool is_data = is_api || path.starts_with(root);
  if (const auto status = guard_.refuse(request, !is_data, steady_ms())) return refuse(*status);
  if (is_api) return api_.serve(request);
  return is_data ? show(request) : serve_page(request, options_.page);
}

HttpResponse Web::show(const HttpRequest& request) {
  const std::string_view path = std::string_view(request.path).substr(root.size());
  if (path == "fleet") return show_fleet();
  if (path == "events") return show_events(request.query);
  if (path == "stream") return open_stream(request.query);
  constexpr std::string_view nodes = "nodes/";
  if (path.starts_with(nodes)) {
    const auto parts = split(path.substr(nodes.size()), '/');
    if (parts.size() == 1) return show_node(parts[0]);
    if (parts.size() == 2 && parts[1] == "history") return show_history(parts[0], request.query);
  }
  return fail(404, "there is no such path; see WEB.md");
}

void Web::write_relay(JsonWriter& json) const {
  json.begin_object();
  json.member("name", options_.relay);
  json.member("version", GODWIT_VERSION);
  json.member("started_ms", started_ms_);
  json.member("now_ms", clock_().wall_ms);
  json.member("history", options_.history.get ? "database" : "memory");
  json.member("auth", guard_.on());
  json.end_object();
}

HttpResponse Web::show_fleet() const {
  JsonWriter json;
  json.begin_object();
  json.key("relay");
  write_relay(json);
  json.key("nodes");
  board_.write_nodes(json);
  json.end_object();
  return answer(json.text());
}

HttpResponse Web::show_node(std::string_view name) const {
  const auto known = check_node_name(name) ? board_.find(name) : std::nullopt;
  if (!known) return fail(404, concat("Node not found: ", quote_for_message(name)));
  std::string json;
  const std::int64_t now_ms = clock_().wall_ms;
  const bool has_readings = view_.visit(name, [&](const NodeReadings& readings) {
    json = describe_web_node(*known, &readings, events_, now_ms);
  });
  if (!has_readings) json = describe_web_node(*known, nullptr, events_, now_ms);
  return answer(std::move(json));
}

HttpResponse Web::show_history(std::string_view name, std::string_view query) const {
  const auto wanted = parse_web_query(query);
  if (!wanted) return fail(400, wanted.error().message);
  const auto range = choose_range(*wanted, clock_().wall_ms);
  if (!range) return fail(400, range.error().message);
  if (!check_node_name(name) || !board_.find(name)) {
    return fail(404, concat("Node not found: ", quote_for_message(name)));
  }
  const auto json = describe_history(memory_, options_.history, name, *range, wanted->ids);
  return json ? answer(*json) : fail(503, json.error().message);
}

HttpResponse Web::show_events(std::string_view query) const {
  const auto wanted = parse_web_query(query);
  if (!wanted) return fail(400, wanted.error().message);
  JsonWriter json;
  json.begin_object();
  json.key("events");
  events_.write(json, static_cast<std::size_t>(wanted->limit), wanted->node);
  json.end_object();
  return answer(json.text());
}

HttpResponse Web::open_stream(std::string_view query) {
  const auto wanted = parse_web_query(query);
  if (!wanted) return fail(400, wanted.error().message);
  JsonWriter hello;
  hello.begin_object();
  hello.key("relay");
  write_relay(hello);
  hello.end_object();
  HttpResponse response = answer({});
  response.content_type = "text/event-stream";
  response.stream = hub_.open(wanted->node, hello.text());
  if (response.stream == nullptr) return fail(503, "too many pages are open at this relay");
  return response;
}

}  // namespace godwit
