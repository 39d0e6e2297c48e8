#include "cloud/kubernetes_client.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "cloud/kubeconfig.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

using nlohmann::json;

constexpr std::string_view in_pod = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr std::int64_t timeout_ms = 15'000;
constexpr std::size_t max_reply_bytes = 64U << 20;
constexpr std::size_t page_items = 500;
constexpr std::int64_t max_retry_after_ms = 600'000;

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::no_data;
  if (status == 401 || status == 403) return ErrorCode::permission;
  if (status == 429 || status >= 500) return ErrorCode::unavailable;
  return ErrorCode::rejected;
}

// Texts of nodes may be in it, so not every byte is sure to be UTF-8.
std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_named(const json& object) {
  return object.is_object() && object.contains("metadata") && object["metadata"].is_object() &&
         object["metadata"].contains("name") && object["metadata"]["name"].is_string();
}

// A Status object's message, or the beginning of whatever came.
std::string reason_of(const HttpReply& reply) {
  const json body = json::parse(reply.body, nullptr, false);
  if (body.is_object() && body.contains("message") && body["message"].is_string()) {
    return quote_for_message(body["message"].get<std::string>(), 300);
  }
  return quote_for_message(trim(reply.body), 200);
}

}  // namespace

std::vector<Setting> kubernetes_settings_table() {
  return {
      {.key = "kubernetes.kubeconfig",
       .help = "Kubeconfig file, for a relay outside of the cluster; in place of the others."},
      {.key = "kubernetes.url",
       .help = "API server, e.g. https://10.96.0.1:443; in a pod it is known."},
      {.key = "kubernetes.host",
       .help = "Host of the API server, as Kubernetes tells its pods.",
       .other_env = "KUBERNETES_SERVICE_HOST"},
      {.key = "kubernetes.port",
       .type = SettingType::integer,
       .fallback = "443",
       .help = "Its port.",
       .min = 1,
       .max = 65'535,
       .other_env = "KUBERNETES_SERVICE_PORT"},
      {.key = "kubernetes.token_file",
       .fallback = concat(in_pod, "token"),
       .help = "Token of the service account, read at each request; \"\" for none."},
      {.key = "kubernetes.ca",
       .fallback = concat(in_pod, "ca.crt"),
       .help = "CA of the API server (PEM)."},
  };
}

Result<KubernetesSettings> finalise_kubernetes(const Settings& settings) {
  if (const std::string path = settings.text("kubernetes.kubeconfig"); !path.empty()) {
    auto read = read_kubeconfig(path);
    if (!read) return read.error().with_prefix("kubernetes.kubeconfig");
    return read;
  }
  KubernetesSettings out;
  out.url = settings.text("kubernetes.url");
  const std::string host = settings.text("kubernetes.host");
  if (out.url.empty() && !host.empty()) {
    const bool is_v6 = host.find(':') != std::string::npos;
    out.url = concat("https://", is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":",
                     settings.integer("kubernetes.port"));
  }
  if (out.url.empty()) return out;
  while (out.url.ends_with('/')) out.url.pop_back();
  if (Status status = check_http_url(out.url); !status) {
    return status.error().with_prefix("kubernetes.url");
  }
  out.token_file = settings.text("kubernetes.token_file");
  if (out.url.starts_with("https://")) out.ca_file = settings.text("kubernetes.ca");
  return out;
}

HttpClientOptions kubernetes_http_options(const KubernetesSettings& settings) {
  HttpClientOptions options;
  options.bearer_token_file = settings.token_file;
  options.bearer_token = settings.token;
  options.ca_file = settings.ca_file;
  options.cert_file = settings.cert_file;
  options.key_file = settings.key_file;
  options.ca_pem = settings.ca_pem;
  options.cert_pem = settings.cert_pem;
  options.key_pem = settings.key_pem;
  options.insecure_skip_verify = settings.insecure;
  options.timeout_ms = timeout_ms;
  options.max_reply_bytes = max_reply_bytes;
  return options;
}

Result<json> KubernetesClient::request(std::string_view method, std::string_view path,
                                       std::string_view content_type, const std::string& body) {
  const std::string agent = concat("User-Agent: godwit-relay/", GODWIT_VERSION);
  HttpCallRequest call{
      std::string(method), concat(url_, path), {"Accept: application/json", agent}, body};
  if (!content_type.empty()) call.headers.push_back(concat("Content-Type: ", content_type));
  status_ = 0;
  retry_after_ms_ = 0;
  const auto reply = call_(call);
  if (!reply) return reply.error();
  status_ = reply->status;
  if (!reply->retry_after.empty()) {
    const auto wait_ms = parse_retry_after(reply->retry_after, system_clock()().wall_ms);
    retry_after_ms_ = std::min(wait_ms.value_or(0), max_retry_after_ms);
  }
  if (reply->status / 100 != 2) {
    return Error{code_of(reply->status), concat(method, " ", path, ": HTTP status ", reply->status,
                                                ": ", reason_of(*reply))};
  }
  json parsed = json::parse(reply->body, nullptr, false);
  if (parsed.is_discarded()) {
    return Error{ErrorCode::unavailable, concat(method, " ", path, ": the answer is no JSON")};
  }
  return parsed;
}

Result<json> KubernetesClient::get(std::string_view path) { return request("GET", path, "", ""); }

Result<std::vector<json>> KubernetesClient::list(std::string_view path,
                                                 std::string_view label_selector, std::size_t max) {
  std::vector<json> items;
  std::string next;
  do {
    std::string query = concat(path, "?limit=", page_items);
    if (!label_selector.empty()) query += concat("&labelSelector=", percent_encode(label_selector));
    if (!next.empty()) query += concat("&continue=", percent_encode(next));
    auto page = get(query);
    if (!page) return page.error();
    next.clear();
    if (!page->is_object() || !page->contains("items") || !(*page)["items"].is_array()) {
      return Error{ErrorCode::unavailable, concat("GET ", path, ": the answer is no list")};
    }
    for (auto& item : (*page)["items"]) {
      if (items.size() < max && is_named(item)) items.push_back(std::move(item));
    }
    const json metadata = page->value("metadata", json::object());
    if (metadata.is_object() && metadata.contains("continue") && metadata["continue"].is_string()) {
      next = metadata["continue"].get<std::string>();
    }
  } while (!next.empty() && items.size() < max);
  return items;
}

Status KubernetesClient::create(std::string_view path, const json& object) {
  const auto made = request("POST", path, "application/json", to_text(object));
  return made ? Status() : Status(made.error());
}

Result<json> KubernetesClient::patch(std::string_view path, std::string_view patch_type,
                                     const json& change) {
  return request("PATCH", path, concat("application/", patch_type, "+json"), to_text(change));
}

Status KubernetesClient::remove(std::string_view path) {
  const auto gone = request("DELETE", path, "", "");
  return gone ? Status() : Status(gone.error());
}

}  // namespace godwit
