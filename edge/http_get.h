// http_get: one HTTP/1.1 GET of something on this node (an exporter, KubeEdge's MetaServer), plain
// and bounded in time and size. No TLS, no redirects, no names: what is asked for is an address, so
// that no resolver can hang. Any thread.
#pragma once

#include <chrono>
#include <string>

#include "edge/http_answer.h"
#include "transport/result.h"

namespace godwit {

// "http://127.0.0.1:9100/metrics": the host is localhost or an address.
struct HttpUrl {
  std::string host;  // without the brackets of IPv6
  int port = 80;
  std::string target;  // path and query, "/" at least

  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string authority() const;  // "127.0.0.1:9100", "[::1]:9100"
};
Result<HttpUrl> parse_http_url(const std::string& url);

struct HttpGetOptions {
  std::string accept = "*/*";
  std::chrono::milliseconds deadline{5000};  // for all of it
  std::size_t max_body_bytes = 4U << 20;
  bool loopback_only = true;
  HttpAnswerParser::Sink sink = {};  // for the body of a 200; none: it is gathered
};

// Any status but 200 is an Error: no_data for 404, permission for 401 and 403, else unavailable.
// So is what breaks the protocol or a bound (invalid), and nobody there (unavailable, timeout).
// Blocks up to the deadline.
Result<HttpAnswer> http_get(const std::string& url, const HttpGetOptions& options = {});

}  // namespace godwit
