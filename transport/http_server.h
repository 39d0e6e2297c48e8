// A small HTTP/1.1 server for /metrics, /healthz and the like, used by agent and relay, and for the
// relay's page. One poll loop on its own thread; bounded request line, headers, body, time and
// connections (64: a further one takes the place of whichever waits the longest). http_parser.h is
// its grammar, http_stream.h an answer without an end, http_wire.h the way of its bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/result.h"

namespace godwit {

class HttpStream;
class HttpWire;
class UniqueFd;

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "POST", ...
  std::string path;    // decoded, without the query
  std::string query;   // raw text behind '?'
  std::string body;
  // Headers of that name; "" when absent. No control characters.
  std::string authorization{};
  std::string if_none_match{};
  std::string accept_encoding{};
  std::string peer{};            // the client's address, without its port
  bool has_certificate = false;  // the client's, and it was verified
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  bool close = false;       // the connection, behind this answer
  bool any_origin = false;  // pages from elsewhere may read it (CORS)
  // More of them. One with bytes that no header may hold is left out.
  HttpHeaders headers{};
  // Instead of `body`: what is sent to it from now on, until either side closes. The handler bounds
  // how many there are: they have no share in the server's bound of connections.
  std::shared_ptr<HttpStream> stream{};
};

class HttpServer {
 public:
  // Shared state it reads must be guarded. Without workers it is called on the server's thread and
  // must not block.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  virtual ~HttpServer() = default;  // stops and joins

  // The port that is in use (of interest when 0 was asked for).
  [[nodiscard]] virtual int port() const = 0;
};

struct HttpServerOptions {
  std::string listen = "127.0.0.1:9750";  // "host:port", "[v6]:port", ":port" for all addresses
  std::size_t max_body_bytes = 1U << 20;
  int timeout_s = 10;
  // Threads that call the handler, which may block then: a request of each connection at a time.
  std::size_t workers = 0;
  bool read_only = false;  // GET and HEAD alone
  HttpHeaders headers;     // of every answer
  // For encryption; empty: none.
  std::function<std::unique_ptr<HttpWire>(UniqueFd)> wire;
};

// Binds before it returns: a port in use is an Error that names it.
Result<std::unique_ptr<HttpServer>> start_http_server(const HttpServerOptions& options,
                                                      HttpServer::Handler handler);

}  // namespace godwit
