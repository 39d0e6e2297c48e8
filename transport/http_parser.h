// HttpParser: the bytes of a connection to HTTP/1.1 requests (RFC 9112), strictly and within
// bounds. Used by HttpServer; no I/O here. Bodies come with Content-Length or chunked.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "transport/http_server.h"
#include "transport/result.h"

namespace godwit {

struct HttpLimits {
  std::size_t max_head_bytes = 16U << 10;  // request line and headers; also the trailers of chunks
  std::size_t max_headers = 100;
  std::size_t max_body_bytes = 1U << 20;
};

class HttpParser {
 public:
  enum class Outcome : unsigned char {
    more,      // needs more bytes
    complete,  // take() has a request; the bytes behind it were left in the input
    refused,   // status() says why; the connection is of no further use
  };

  explicit HttpParser(HttpLimits limits) : limits_(limits) {}

  // Moves bytes from the front of `input` into the request.
  Outcome consume(std::string& input);

  // Of the request that is complete, or whose head was read.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  // The client waits for "100 Continue" before it sends the body. True once per request.
  bool take_expect_continue();
  // After `refused`.
  [[nodiscard]] int status() const { return status_; }

  // The complete request; the parser is ready for the next one.
  HttpRequest take();

 private:
  enum class Stage : unsigned char { head, body, chunk_size, chunk_data, chunk_end, trailers };

  Outcome consume_head(std::string& input);
  Outcome consume_sized(std::string& input);
  Outcome consume_chunk_size(std::string& input);
  Outcome consume_chunk_end(std::string& input);
  Outcome consume_trailers(std::string& input);
  // false: status_ is set.
  bool parse_head(std::string_view head);
  bool parse_request_line(std::string_view line);
  bool parse_target(std::string_view target);
  bool parse_header(std::string_view line);
  bool keep_header(std::string_view name, std::string_view value);
  bool choose_body();
  bool refuse(int status);

  const HttpLimits limits_;
  Stage stage_ = Stage::head;
  HttpRequest request_;
  std::size_t scanned_ = 0;    // bytes of the input without the end of the head
  std::size_t remaining_ = 0;  // of the body or of the chunk
  std::size_t trailer_bytes_ = 0;
  std::optional<std::size_t> content_length_;
  bool chunked_ = false;
  bool keep_alive_ = true;
  bool expect_continue_ = false;
  int status_ = 0;
};

}  // namespace godwit
