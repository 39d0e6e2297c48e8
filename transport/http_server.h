// A small HTTP/1.1 server for /metrics, /healthz and the like, used by agent and relay. One poll
// loop on its own thread; bounded request line, headers, body, time and connections (64: a further
// one takes the place of whichever waits the longest). http_parser.h is its grammar.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "POST", ...
  std::string path;    // decoded, without the query
  std::string query;   // raw text behind '?'
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  bool close = false;       // the connection, behind this answer
  bool any_origin = false;  // pages from elsewhere may read it (CORS)
};

class HttpServer {
 public:
  // Called on the server's thread; must not block. Shared state it reads must be guarded.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  virtual ~HttpServer() = default;  // stops and joins

  // The port that is in use (of interest when 0 was asked for).
  [[nodiscard]] virtual int port() const = 0;
};

struct HttpServerOptions {
  std::string listen = "127.0.0.1:9750";  // "host:port", "[v6]:port", ":port" for all addresses
  std::size_t max_body_bytes = 1U << 20;
  int timeout_s = 10;
};

// Binds before it returns: a port in use is an Error that names it.
Result<std::unique_ptr<HttpServer>> start_http_server(const HttpServerOptions& options,
                                                      HttpServer::Handler handler);

}  // namespace godwit
