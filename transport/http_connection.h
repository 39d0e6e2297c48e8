// HttpConnection: one client of an HttpServer. Reads a request, writes its answer, reads the next;
// after a last answer it lingers: what still comes in is thrown away until the client closes. On
// the server's thread alone; nothing blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/event_fd.h"
#include "transport/http_parser.h"
#include "transport/http_server.h"
#include "transport/http_stream.h"
#include "transport/http_wire.h"

namespace godwit {

class HttpConnection {
 public:
  HttpConnection(std::uint64_t id, std::unique_ptr<HttpWire> wire, std::string peer,
                 const HttpLimits& limits, const HttpServerOptions& options);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection();

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] int fd() const { return wire_->fd(); }
  // For poll().
  [[nodiscard]] short events() const;
  [[nodiscard]] std::int64_t deadline_ms() const;
  [[nodiscard]] bool gone() const { return gone_; }
  // Nobody may take its place.
  [[nodiscard]] bool busy() const { return asked_ || stream_ != nullptr; }
  [[nodiscard]] std::int64_t waits_since_ms() const { return waits_since_ms_; }
  [[nodiscard]] bool streams() const { return stream_ != nullptr; }

  // As far as it goes without waiting. A request: give() its answer before anything else of it is
  // looked at. Call again behind give().
  std::optional<HttpRequest> advance(short revents);
  // `wake` is raised when a stream has something to say; it outlives the connection.
  void give(HttpResponse response, bool is_head, const EventFd& wake);

 private:
  [[nodiscard]] bool writing() const { return !left_.empty(); }
  void wait_until(std::int64_t now_ms, std::int64_t limit_ms);
  void say(std::string text);
  void read_some();
  bool write_all();
  bool refill();
  std::optional<HttpRequest> next_request();

  const std::uint64_t id_;
  const std::unique_ptr<HttpWire> wire_;
  const std::string peer_;
  const HttpServerOptions& options_;
  const std::int64_t timeout_ms_;
  HttpParser parser_;
  std::string input_;
  std::string output_;
  HttpStream::Text piece_;  // of the stream
  std::string_view left_;   // of output_ or piece_, still to be written
  std::shared_ptr<HttpStream> stream_;
  std::int64_t waits_since_ms_ = 0;
  std::int64_t deadline_ms_ = 0;
  bool in_request_ = false;  // bytes of a request came, its answer did not leave yet
  bool asked_ = false;       // advance() gave a request away
  bool keep_alive_ = true;   // as the client wants it, for the answer to come
  bool last_answer_ = false;
  bool lingering_ = false;
  bool gone_ = false;
};

}  // namespace godwit
