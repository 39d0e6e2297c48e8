// HttpAnswerParser: the bytes of a connection to one HTTP/1.1 answer (RFC 9112), strictly and
// within bounds, body piece by piece. Used by http_get.h; no I/O here. transport/http_parser.h is
// its counterpart for requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

struct HttpAnswer {
  int status = 0;
  std::string content_type;  // as sent
  std::string body;          // empty where the body went to a sink
};

class HttpAnswerParser {
 public:
  // Takes the pieces of the body of a 200 as they come; `answer` is the head. An Error ends it.
  using Sink = std::function<Status(const HttpAnswer& answer, std::string_view piece)>;

  // Without sink the body is gathered in the answer.
  HttpAnswerParser(std::size_t max_body_bytes, Sink sink)
      : max_body_bytes_(max_body_bytes), sink_(std::move(sink)) {}

  // Moves bytes from the front of `input` into the answer; true when it is complete. What stays in
  // `input` is at most a head.
  Result<bool> consume(std::string& input);
  // The peer has closed: an Error unless that was the end of the body.
  Status end();
  // The complete answer.
  HttpAnswer take() { return std::move(answer_); }

  static constexpr std::size_t max_head_bytes = 16U << 10;

 private:
  enum class Stage : std::uint8_t {
    head,
    body,  // of known length
    rest,  // up to the end of the connection
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    complete,
  };

  Status step(std::string& input);
  Status read_head(std::string& input);
  Status parse_head(std::string_view head);
  Status parse_header(std::string_view line);
  Status choose_body();
  Status read_data(std::string& input);
  Status read_chunk_line(std::string& input);

  const std::size_t max_body_bytes_;
  const Sink sink_;
  Stage stage_ = Stage::head;
  HttpAnswer answer_;
  std::optional<std::size_t> content_length_;
  bool chunked_ = false;
  std::size_t remaining_ = 0;  // of the body or of the chunk
  std::size_t body_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace godwit
