// One HTTP request after another over a kept connection. libcurl is confined to http_client.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct HttpPostRequest {
  std::vector<std::string> headers;  // "Name: value"
  std::string_view body;             // valid during the call
};

struct HttpReply {
  int status = 0;
  std::string body{};             // cut at the client's bound
  std::string retry_after{};      // header's text, empty when absent
  std::string server_hostname{};  // X-Server-Hostname's, which VictoriaMetrics' programs send
};

// Posts to one URL and waits for the whole reply. Any status is a reply; an Error means that none
// came: `timeout`, or `unavailable` for everything else (name, connection, TLS, cancelled). Blocks
// for at most the client's timeout. One call at a time; copies share one connection.
using HttpPost = std::function<Result<HttpReply>(const HttpPostRequest&)>;

// The same for any method and URL.
struct HttpCallRequest {
  std::string method;  // "GET" sends no body
  std::string url;
  std::vector<std::string> headers;
  std::string_view body;
};
using HttpCall = std::function<Result<HttpReply>(const HttpCallRequest&)>;

// Gets the client's URL with `target` ("/path?query") behind it. As HttpPost, but any thread may
// call at any time: each call has a connection of its own. May be empty where nobody is to be
// asked.
using HttpGet = std::function<Result<HttpReply>(std::string_view target)>;

struct HttpClientOptions {
  std::string url;  // for make_http_post and make_http_get
  std::int64_t timeout_ms = 30'000;
  std::int64_t connect_timeout_ms = 10'000;
  // Read anew at each request, so that rotated secrets and certificates take effect.
  std::string username;
  std::string password_file;
  std::string bearer_token_file;
  std::string ca_file;    // empty: the system's store
  std::string cert_file;  // with key_file: mutual TLS
  std::string key_file;
  // In place of the files, where not empty.
  std::string bearer_token;
  std::string ca_pem, cert_pem, key_pem;
  bool insecure_skip_verify = false;
  std::size_t max_reply_bytes = 64U << 10;
  // Ends a running request early when it becomes true. May be nullptr; outlives the client.
  const std::atomic<bool>* cancelled = nullptr;
};

HttpPost make_http_post(HttpClientOptions options);
HttpCall make_http_call(HttpClientOptions options);
HttpGet make_http_get(HttpClientOptions options);

// "http://" or "https://" with a host.
Status check_http_url(std::string_view url);

// Retry-After is a number of seconds or an HTTP date (RFC 9110); as milliseconds from now, never
// negative. nullopt when it is neither.
std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now_wall_ms);

// Escapes what a query may not hold.
std::string percent_encode(std::string_view text);

}  // namespace godwit
